module schakel.local/hello

go 1.26.0
