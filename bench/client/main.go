// The bench's load client and its far end, in one program. Each command does one measurement and
// prints one JSON object.
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

var commands = map[string]func(args []string) (any, error){
	"far-end":    farEnd,
	"bulk-up":    bulkUp,
	"bulk-down":  bulkDown,
	"round-trip": roundTrip,
	"handshakes": handshakes,
	"sessions":   sessions,
	"idle":       idle,
	"flood":      flood,
	"opens":      opens,
}

func main() {
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: client far-end|bulk-up|bulk-down|round-trip|handshakes|sessions|idle|flood|opens [flags]")
		os.Exit(64)
	}
	result, err := commands[os.Args[1]](os.Args[2:])
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
	if err := printJSON(result); err != nil {
		os.Exit(1)
	}
}

func printJSON(value any) error {
	return json.NewEncoder(os.Stdout).Encode(value)
}
