"""Who starts the guest: Docker a container, the host a process, `inside` the same in the image we are in."""
