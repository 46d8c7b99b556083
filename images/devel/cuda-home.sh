#!/bin/sh
# cuda-home.sh: NVIDIA's packages as /usr/local/cuda, where builds of extensions look for a compiler, headers and libraries.
set -eu

home=$(find "$VIRTUAL_ENV/lib" -path '*/nvidia/cu*/bin/nvcc')
home=${home%/bin/nvcc}
# As an installation of CUDA has them: its packages for Python have neither this folder nor the names that linkers look for.
ln -s lib "$home/lib64"
for library in "$home"/lib/lib*.so.*; do
    name=${library%%.so.*}.so
    [ -e "$name" ] || ln -s "${library##*/}" "$name"
done
ln -s "$home" /usr/local/cuda
/usr/local/cuda/bin/nvcc --version
