"""Its place tells pytest that the modules of this folder can be imported by the tests."""
