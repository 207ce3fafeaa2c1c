import { expect, it } from "vitest";
import { inheritedSocket } from "../../agent/cli/inherited-socket.ts";

const PID = 4711;

it.each([
  { from: "the launcher", environment: { LISTEN_FDS: "1" }, socket: { fd: 3 } },
  { from: "systemd", environment: { LISTEN_FDS: "1", LISTEN_PID: "4711" }, socket: { fd: 3 } },
  { from: "systemd, several", environment: { LISTEN_FDS: "2", LISTEN_PID: "4711" }, socket: { fd: 3 } },
  { from: "systemd, for its parent", environment: { LISTEN_FDS: "1", LISTEN_PID: "1" }, socket: undefined },
  { from: "nobody", environment: {}, socket: undefined },
  { from: "nobody, said aloud", environment: { LISTEN_FDS: "0" }, socket: undefined },
  { from: "a slip of the pen", environment: { LISTEN_FDS: "one" }, socket: undefined },
])("from $from: $socket", ({ environment, socket }) => {
  expect(inheritedSocket(environment, PID)).toEqual(socket);
});
