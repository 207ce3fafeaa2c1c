import { createServer } from "node:net";
import { Server, ServerCredentials } from "@grpc/grpc-js";

const [socketPath = "", conduct = ""] = process.argv.slice(2);
const MiB = 1024 * 1024;

/** @param {number} value @returns {number[]} */
const varint = (value) => (value < 128 ? [value] : [(value % 128) | 128, ...varint(Math.floor(value / 128))]);
/** @param {number} number @param {Buffer | string} content */
const field = (number, content) => {
  const bytes = Buffer.from(content);
  return Buffer.concat([Buffer.from([...varint(number * 8 + 2), ...varint(bytes.length)]), bytes]);
};
const NEGATIVE = Buffer.from([0x20, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
const NAME = "\u001b[2J../../etc/passwd\n".repeat(5_000);
/** ID, Size. */
const record = (/** @type {number} */ at) => Buffer.concat([field(1, `../${at}\u0000`), NEGATIVE]);
/** Of a history: Ref and CompletedAt, a second after 1970 and so on. */
const ended = (/** @type {number} */ at) =>
  field(2, Buffer.concat([field(1, `${at}${NAME.slice(0, 1_000)}`), field(7, Buffer.from([0x08, ...varint(at)]))]));
const whole = (/** @type {Buffer} */ piece, /** @type {number} */ bytes) => Buffer.alloc(bytes, piece);

/** @type {Record<string, { unary?: () => Buffer; again?: (at: number) => Buffer }>} */
const CONDUCT = {
  "a version and platforms of 200 KB": {
    unary: () => field(1, Buffer.concat([field(3, field(1, NAME)), field(5, field(2, NAME))])),
  },
  "platforms without number": {
    unary: () => field(1, Buffer.concat(Array.from({ length: 20_000 }, (_, at) => field(3, field(1, String(at)))))),
  },
  "workers without number": { unary: () => whole(Buffer.from([0x0a, 0]), 255 * 1024) },
  "other types than there are": { unary: () => Buffer.concat([Buffer.from([0x08, 1, 0x0d, 1, 2, 3, 4]), NEGATIVE]) },
  "half a message": { unary: () => field(1, "x".repeat(1_000)).subarray(0, 500) },
  "16 MB of what is none": { unary: () => whole(Buffer.from([0x0a, 0]), 16 * MiB - 100) },
  "records of other types each": {
    unary: () =>
      Buffer.concat(
        Array.from({ length: 90_000 }, (_, at) => field(1, Buffer.concat([record(at), field(10, `t-${at}`)]))),
      ),
  },
  "records without end": { again: record },
  "records of a megabyte without end": { again: () => whole(Buffer.from([0x08, 1]), MiB - 100) },
  "records of 20 MB": { again: () => whole(Buffer.from([0x08, 1]), 20 * MiB) },
  "ended builds without end": { again: ended },
  "an error of 15 KB": {},
  "frames of no call without end": {},
  "a byte a second": {},
};

const { unary, again } = CONDUCT[conduct] ?? {};
if (conduct === "frames of no call without end" || conduct === "a byte a second")
  createServer((socket) => {
    socket.on("error", () => undefined).resume();
    const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    const ping = Buffer.from([0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
    if (conduct === "a byte a second") {
      let at = 0;
      const slow = setInterval(() => socket.write(settings.subarray(at, (at += 1))), 1_000);
      socket.once("close", () => clearInterval(slow));
      return;
    }
    socket.write(settings);
    const pings = Buffer.alloc(ping.length * 1_000, ping);
    const pour = () => {
      let isTaken = true;
      while (!socket.destroyed && isTaken) isTaken = socket.write(pings);
      if (!isTaken) socket.once("drain", pour);
    };
    pour();
  }).listen(socketPath, () => process.send?.("listening"));
else {
  const server = new Server({ "grpc.max_send_message_length": -1 });
  const service = "/moby.buildkit.v1.Control/";
  const pass = (/** @type {Buffer} */ bytes) => bytes;
  /** @type {import("@grpc/grpc-js").handleUnaryCall<Buffer, Buffer>} */
  const answer = (_call, done) => {
    if (unary === undefined) done({ code: 13, details: `${Math.random()} ${"e".repeat(15_000)}` });
    else done(null, unary());
  };
  /** @type {import("@grpc/grpc-js").handleServerStreamingCall<Buffer, Buffer>} */
  const stream = (call) => {
    call.on("error", () => undefined);
    if (again === undefined) {
      call.emit("error", { code: 13, details: "e".repeat(15_000) });
      return;
    }
    let at = 0;
    const pour = () => {
      for (let count = 0; count < 100; count += 1) {
        if (call.destroyed || call.cancelled) return;
        if (call.write(again((at += 1)))) continue;
        call.once("drain", pour);
        return;
      }
      setImmediate(pour);
    };
    pour();
  };
  for (const name of ["ListWorkers", "DiskUsage", "Solve", "UpdateBuildHistory"])
    server.register(service + name, answer, pass, pass, "unary");
  for (const name of ["Prune", "ListenBuildHistory"])
    server.register(service + name, stream, pass, pass, "serverStream");
  server.bindAsync(`unix:${socketPath}`, ServerCredentials.createInsecure(), () => process.send?.("listening"));
}
process.once("disconnect", () => process.exit());
