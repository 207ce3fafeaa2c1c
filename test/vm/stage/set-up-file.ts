import { keepLogsOfFailures } from "./logs.ts";

// When the runner is gone nobody is left to end what a test has started: its machines end with this
// process.
process.once("disconnect", () => process.exit(1));
// So the runner ends this process: its machines' disks go as it exits.
process.once("SIGTERM", () => process.exit());
keepLogsOfFailures();
