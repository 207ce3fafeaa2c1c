import type { Socket } from "node:net";
import { expect, it } from "vitest";
import { frame, TYPE } from "../../agent/gateway/http2/frames.ts";
import type { HeaderField } from "../../agent/gateway/http2/hpack.ts";
import { OWN } from "./http2/client-session.ts";
import { guarded } from "./http2/judged.ts";
import { BEGIN, CONTROL, PlainClient } from "./http2/plain-client.ts";
import { bytesField, prefixed } from "./http2/protobuf-writer.ts";
import { Rig } from "./rig.ts";

const CONTEXT: readonly HeaderField[] = [
  ["traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"],
  ["tracestate", "vendor=opaque,other=00f067aa0ba902b7"],
  ["baggage", "pipeline=nightly,run=42"],
];

/** Calls as a client makes them that is traced itself: its context with each. */
function tracedCalls(): Buffer {
  const client = new PlainClient();
  return Buffer.concat([
    BEGIN,
    client.head(`${CONTROL}ListWorkers`, CONTEXT),
    client.data(prefixed(Buffer.alloc(0))),
    client.head(`${CONTROL}Solve`, CONTEXT),
    client.data(prefixed(bytesField(1, OWN.ref))),
  ]);
}

it("calls are judged, and their trace context passes as it was sent", () => {
  const bytes = tracedCalls();
  const { toBuildkit, refusals, unsound } = guarded([bytes]);
  expect({ refusals, unsound }).toEqual({ refusals: [], unsound: undefined });
  expect(toBuildkit.equals(bytes)).toBe(true);
});

it("what stands behind the gateway gets a traced client's bytes, and no context of ours", async () => {
  const bytes = tracedCalls();
  const pieces: Buffer[] = [];
  let whole: () => void = () => undefined;
  const heard = new Promise<void>((resolve) => (whole = resolve));
  const serve = (socket: Socket): void => {
    // As BuildKit begins: only then are headers passed to it.
    socket.write(frame(TYPE.settings, 0, 0, Buffer.alloc(0)));
    socket.on("end", () => socket.end());
    socket.on("data", (piece: Buffer) => {
      pieces.push(piece);
      if (Buffer.concat(pieces).length >= bytes.length) whole();
    });
  };
  await using rig = await Rig.start({ serve, calls: "judged" });
  const client = rig.connect(await rig.open());
  await new Promise((resolve) => client.once("secureConnect", resolve));
  client.write(bytes);
  await heard;
  client.destroy();
  expect(Buffer.concat(pieces).equals(bytes)).toBe(true);
});
