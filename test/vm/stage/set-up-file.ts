import { keepLogsOfFailures } from "./logs.ts";

keepLogsOfFailures();
