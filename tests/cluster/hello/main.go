// A program for the tests of the cluster: it answers with its name, and asks others for theirs.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == "get" {
		get(os.Args[2])
	} else if len(os.Args) == 3 && os.Args[1] == "find" {
		addresses, err := net.LookupHost(os.Args[2])
		end(err)
		fmt.Println(addresses[0])
	} else if len(os.Args) == 2 && os.Args[1] == "who" {
		_, err := os.Create("/written")
		fmt.Println(os.Getuid(), err)
	} else {
		http.HandleFunc("/", func(answer http.ResponseWriter, _ *http.Request) {
			name, _ := os.Hostname()
			fmt.Fprint(answer, name)
		})
		end(http.ListenAndServe(":8080", nil))
	}
}

func get(url string) {
	answer, err := (&http.Client{Timeout: 10 * time.Second}).Get(url)
	end(err)
	_, err = io.Copy(os.Stdout, answer.Body)
	end(err)
}

func end(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
