package main

import "flag"

// idle opens -count sessions, prints {"open"} when each has answered once, and keeps them without
// traffic until its standard input ends.
func idle(args []string) (any, error) {
	flags := flag.NewFlagSet("idle", flag.ContinueOnError)
	at := endpointFlags(flags)
	count := flags.Int("count", 200, "how many")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	endpoint, err := at()
	if err != nil {
		return nil, err
	}
	conns, err := openCrowd(endpoint, *count)
	if err != nil {
		return nil, err
	}
	defer closeAll(conns)
	if err := printJSON(map[string]int{"open": len(conns)}); err != nil {
		return nil, err
	}
	waitForEnd()
	return struct{}{}, nil
}
