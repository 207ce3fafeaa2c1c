import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import { firstRecord } from "../../agent/gateway/first-record.ts";

/** A handshake record of 20 bytes: type, version, length. */
const HELLO = Buffer.concat([Buffer.of(22, 3, 1, 0, 20), Buffer.alloc(20, 7)]);
const MOST_BYTES = 100;

let client: Socket;
let raw: Socket;
let close: () => void;

beforeEach(async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  client = connect(address.port, "127.0.0.1");
  [raw] = (await once(server, "connection")) as [Socket];
  close = () => {
    client.destroy();
    raw.destroy();
    server.close();
  };
});
afterEach(() => close());

it.each([
  { there: "all of it", early: HELLO, later: undefined },
  { there: "its first bytes", early: HELLO.subarray(0, 3), later: HELLO.subarray(3) },
  { there: "nothing", early: "nothing" as const, later: HELLO },
])("of a hello $there was there when its client was accepted: TLS gets it whole, once", async ({ early, later }) => {
  const visitor = { raw, peer: "", source: "", hasSpoken: false };
  const heard: number[] = [];
  const whole = new Promise<void>((resolve) => {
    firstRecord(visitor, { read: () => early }, MOST_BYTES, (bytes) => {
      heard.push(bytes);
      resolve();
    });
  });
  expect(visitor.hasSpoken).toBe(early !== "nothing");
  if (later !== undefined) client.write(later);
  await whole;
  expect([heard, visitor.hasSpoken, raw.read()]).toEqual([[HELLO.length], true, HELLO]);
});
