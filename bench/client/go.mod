module builder-agent/bench/client

go 1.24
