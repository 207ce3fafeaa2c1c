/**
 * The tests that run a second time, on the oldest Node that is promised: those of which the result
 * depends on Node itself and not on our decisions. Each row is a folder or a file below test/, and
 * why it is here.
 * @type {ReadonlyArray<{ path: string, why: string }>}
 */
export const FLOOR = [
  { path: "gateway", why: "TLS 1.3, resets, half-open sockets, back-pressure: the data plane is Node's own code" },
  { path: "link", why: "unix sockets: partial reads, back-pressure, a peer that goes away" },
  { path: "lifecycle", why: "signals, timers, and when either is collected" },
  { path: "clock", why: "monotonic time across processes" },
  { path: "launcher", why: "child processes, inherited sockets, signals, orphans" },
  { path: "health", why: "Node's HTTP server with clients that hold it up" },
  { path: "evidence", why: "Node's HTTP client with servers that hang, dribble and break off; child processes" },
  { path: "plane/only-the-pinned-control-plane-is-believed.test.ts", why: "gRPC over Node's TLS and HTTP/2" },
  { path: "plane/the-stream-tells-how-it-ended.test.ts", why: "how Node's HTTP/2 tells the end of a stream" },
  { path: "telemetry/the-last-words-before-an-end-are-there.test.ts", why: "what is still written at an exit" },
  { path: "cli/a-process-ends-with-the-code-that-says-why.test.ts", why: "exit codes, signals, the flags of `node`" },
  { path: "cli/the-gateway-takes-a-socket-that-is-meant-for-it.test.ts", why: "a listening socket that was inherited" },
  { path: "cli/each-process-loads-only-what-it-needs.test.ts", why: "the module loader" },
  { path: "volume/orders-come-only-from-control.test.ts", why: "a unix socket as standard input, peers, half-closed" },
  {
    path: "sandbox/exchange/a-request-that-is-no-exchange-is-refused.test.ts",
    why: "Node's HTTPS server with clients that hold it up",
  },
  {
    path: "sandbox/exchange/a-job-runs-a-command-with-a-build-of-its-own.test.ts",
    why: "Node's HTTPS client, child processes, signals",
  },
  { path: "verifier", why: "certificates, signatures and keys are read and verified by Node's cryptography" },
  { path: "journeys/a-build-survives-a-crash-of-control.test.ts", why: "all of it together, with a real build" },
];

/** For vitest's `include`. */
export const floorFiles = FLOOR.map(({ path }) =>
  path.endsWith(".ts") ? `test/${path}` : `test/${path}/**/*.test.ts`,
);
