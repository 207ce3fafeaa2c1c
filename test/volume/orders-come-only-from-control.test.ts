import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { askedVolume } from "../../agent/adapters/volume/asked-volume.ts";
import { plainDirectory, plainMount } from "../../agent/adapters/volume/plain-directory.ts";
import { OPEN, orderFromWire, orderToWire, VOLUME } from "../../agent/adapters/volume/protocol.ts";
import { serveOrder } from "../../agent/adapters/volume/serve-order.ts";
import { Secret } from "../../agent/core/secret.ts";
import type { VolumeOrder } from "../../agent/core/volume/order.ts";
import type { CacheVolume } from "../../agent/ports/cache-volume.ts";
import { requirePeer } from "../../agent/wire/peer.ts";
import { readFields, readHead, requestLine } from "../../agent/wire/protocol.ts";
import { CollectedLog } from "../keys/collected-log.ts";
import { blankDisk } from "./disk-image.ts";
import { kept, perBoot, StandInMachine, udevDatabase } from "./stand-in-machine.ts";

const MAIN = fileURLToPath(new URL("../../dist/agent/cli/main.js", import.meta.url));
const BY_ID = "/dev/disk/by-id/virtio-cache";
const never = new AbortController().signal;
let directory = "";

beforeEach(async () => {
  directory = await mkdtemp("/tmp/volume-orders-");
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** Listens as the service manager would, and gives each connection away. */
class Listener implements AsyncDisposable {
  readonly path: string;
  readonly #server: Server;
  readonly #open = new Set<Socket>();

  constructor(path: string, take: (socket: Socket) => void) {
    this.path = path;
    this.#server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) => {
      this.#open.add(socket);
      socket.once("close", () => this.#open.delete(socket));
      take(socket);
    });
  }

  async listen(): Promise<this> {
    this.#server.listen(this.path);
    await once(this.#server, "listening");
    return this;
  }

  get open(): number {
    return this.#open.size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const socket of this.#open) socket.destroy();
    await closed;
  }
}

interface Rig extends AsyncDisposable {
  readonly volume: CacheVolume;
  readonly listener: Listener;
  readonly machine: StandInMachine;
  readonly log: CollectedLog;
  readonly services: string[];
}

function orderLine(order: VolumeOrder): string {
  return requestLine(OPEN, orderToWire(order));
}

function readOrder(line: string): VolumeOrder {
  return orderFromWire(readFields(OPEN, readHead(VOLUME, line).fields));
}

/** Control's end and root's end of the same socket, in one process, over a stand-in machine. */
async function rig(instance = "1-1-0"): Promise<Rig> {
  const machine = await StandInMachine.start();
  const disk = await blankDisk(join(machine.directory, "disk"));
  machine.database = udevDatabase({ [`..${disk}`]: ["S: disk/by-id/virtio-cache"] });
  const log = new CollectedLog();
  const services: string[] = [];
  const listener = await new Listener(join(directory, "volume.sock"), (socket) => {
    socket.resume();
    const admit = (): Promise<void> => requirePeer(VOLUME, instance, "nobody");
    void serveOrder(machine.host(), socket, log, { admit, signal: never });
  }).listen();
  const volume = askedVolume({
    socketPath: listener.path,
    services: {
      start: (unit) => Promise.resolve(void services.push(`start ${unit}`)),
      stop: (unit) => Promise.resolve(void services.push(`stop ${unit}`)),
    },
  });
  const end = async (): Promise<void> => {
    await listener[Symbol.asyncDispose]();
    await machine[Symbol.asyncDispose]();
  };
  return { volume, listener, machine, log, services, [Symbol.asyncDispose]: end };
}

describe("an order over the socket", () => {
  it("is carried out with its steps, then its file system is mounted, and no connection is left", async () => {
    await using the = await rig();
    const key = randomBytes(64);
    const opened = await the.volume.open(kept("", key, { device: BY_ID }), never);
    expect(opened).toMatchObject({ encrypted: true, kind: "kept", volumeId: "cache-1", formatted: true });
    expect(the.services).toEqual(["start cache-mount"]);
    expect(the.log.events()).toEqual([...opened.steps.map(() => "volume.step"), "volume.opened"]);
    expect(JSON.stringify(the.log.lines)).not.toContain(key.toString("base64"));
    expect(await the.volume.open(kept("", key, { device: BY_ID }), never)).toMatchObject({ takenOver: true });
    await expect.poll(() => the.listener.open, { timeout: 10_000 }).toBe(0);
  });

  it("that is refused is refused in the plan's words, and nothing is mounted", async () => {
    await using the = await rig();
    const order = the.volume.open(perBoot("", { device: "udev:ID_SERIAL=absent" }), never);
    await expect(order).rejects.toMatchObject({ code: "cache.no-device", retryable: true });
    await expect(order).rejects.toThrow(/No device is udev:ID_SERIAL=absent/);
    expect(the.services).toEqual([]);
  });

  it("of a user that is neither root nor control is not even read", async () => {
    await using the = await rig("1-1-4242");
    const order = the.volume.open(perBoot("", { device: BY_ID }), never);
    await expect(order).rejects.toMatchObject({ code: "cache.peer-refused", retryable: false });
    expect(the.machine.ran).toEqual([]);
  });

  it("is carried out also if its asker is gone, and taken over by the next", async () => {
    await using the = await rig();
    const asker = new AbortController();
    the.machine.before = (command) => {
      if (command.args[0] === "luksFormat") asker.abort(new Error("killed"));
    };
    await expect(the.volume.open(perBoot("", { device: BY_ID }), asker.signal)).rejects.toThrow("killed");
    await expect.poll(() => the.log.events().at(-1), { timeout: 20_000 }).toBe("volume.opened");
    expect(await the.volume.open(perBoot("", { device: BY_ID }), never)).toMatchObject({ takenOver: true });
  });

  it("is given up by stopping the unit that everything stands on", async () => {
    await using the = await rig();
    await the.volume.close(never);
    expect(the.services).toEqual(["stop cache-volume"]);
  });
});

describe("control's end", () => {
  it("tells that nobody takes orders", async () => {
    const services = { start: () => Promise.resolve(), stop: () => Promise.resolve() };
    const volume = askedVolume({ socketPath: join(directory, "none.sock"), services });
    await expect(volume.open(perBoot("/x"), never)).rejects.toMatchObject({
      code: "cache.unreachable",
      retryable: true,
    });
  });

  it("tells that an order ended without an answer", async () => {
    await using listener = await new Listener(join(directory, "mute.sock"), (socket) => socket.end()).listen();
    const services = { start: () => Promise.resolve(), stop: () => Promise.resolve() };
    const volume = askedVolume({ socketPath: listener.path, services });
    await expect(volume.open(perBoot("/x"), never)).rejects.toMatchObject({ retryable: true });
  });

  it("says of a plain directory that it is not encrypted", async () => {
    const plain = await plainDirectory("/var/cache/builds").open(undefined, never);
    expect(plain).toMatchObject({ encrypted: false, kind: "plain", device: "/var/cache/builds", volumeId: "" });
    const asked: string[] = [];
    const note = (verb: string) => (unit: string) => Promise.resolve(void asked.push(`${verb} ${unit}`));
    const mounted = plainMount("/var/cache/builds", { start: note("start"), stop: note("stop") });
    expect(await mounted.open(perBoot("/x"), never)).toMatchObject({ encrypted: false, volumeId: "cache-1" });
    await mounted.close(never);
    expect(asked).toEqual(["start cache-mount", "stop cache-volume"]);
  });
});

describe("the order's line", () => {
  const id = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/);
  const anyOrder: fc.Arbitrary<VolumeOrder> = fc.record(
    {
      owner: fc.record({ orgId: id, projectId: id, architecture: id }),
      volumeId: id,
      device: fc.constantFrom(BY_ID, "udev:ID_SERIAL=with space"),
      filesystem: fc.constantFrom("ext4" as const, "xfs" as const),
      key: fc.oneof(
        fc.constant({ kind: "per-boot" as const }),
        fc
          .uint8Array({ maxLength: 80 })
          .map((bytes) => ({ kind: "given" as const, key: new Secret<Uint8Array>(bytes) })),
      ),
    },
    { requiredKeys: ["owner", "volumeId", "filesystem", "key"] },
  );

  it("arrives as it was sent", () => {
    fc.assert(
      fc.property(anyOrder, (order) => {
        const line = orderLine(order);
        const { key, ...rest } = readOrder(line.trimEnd());
        const { key: sent, ...sentRest } = order;
        expect(line.indexOf("\n")).toBe(line.length - 1);
        expect(JSON.stringify(rest, Object.keys(rest).toSorted())).toBe(
          JSON.stringify(sentRest, Object.keys(rest).toSorted()),
        );
        return bytesOf(key).equals(bytesOf(sent));
      }),
    );
  });

  const good = JSON.parse(orderLine(perBoot("", { device: BY_ID }))) as Readonly<Record<string, unknown>>;
  const secret = Buffer.alloc(64, 7).toString("base64");
  it.each([
    { of: "no JSON", line: `{"key":"${secret}`, code: "cache.malformed" },
    { of: "another version", line: { ...good, version: 2 }, code: "cache.other-version", retryable: true },
    { of: "something more", line: { ...good, shell: "rm" }, code: "cache.malformed" },
    { of: "an id with a slash", line: { ...good, volumeId: "../x" }, code: "cache.malformed" },
    { of: "a file of root's", line: { ...good, device: "file:/etc/shadow" }, code: "cache.device-name-wrong" },
    {
      of: "a key that is no base64",
      line: { ...good, key: { kind: "given", keyBase64: `${secret}!` } },
      code: "cache.malformed",
    },
    { of: "an unknown file system", line: { ...good, filesystem: "btrfs" }, code: "cache.filesystem-unknown" },
  ])("with $of is refused, without its words", ({ line, code, retryable = false }) => {
    const text = typeof line === "string" ? line : JSON.stringify(line);
    const read = (): unknown => readOrder(text);
    expect(read).toThrow(expect.objectContaining({ code, retryable }));
    expect(read).not.toThrow(secret);
  });

  function bytesOf(key: VolumeOrder["key"]): Buffer {
    return key.kind === "given" ? Buffer.from(key.key.reveal()) : Buffer.from("per-boot");
  }
});

describe("the real process, with the connection as its standard input and output", () => {
  let served: ChildProcess[] = [];

  afterEach(() => {
    for (const child of served) child.kill("SIGKILL");
    served = [];
  });

  /** As systemd starts an instance for an accepted connection. */
  function listen(peer: string): Promise<Listener> {
    return new Listener(join(directory, "volume.sock"), (socket) => {
      const places = ["--paths-runtime-dir", join(directory, "run"), "--paths-state-dir", join(directory, "state")];
      const args = [MAIN, "volume", "serve", "--peer", peer, ...places];
      served.push(
        spawn(process.execPath, args, { stdio: [socket, socket, "pipe"], env: { PATH: process.env["PATH"] } }),
      );
      socket.destroy();
    }).listen();
  }

  async function answersTo(path: string, line: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const socket = connect(path);
    socket.write(line);
    const answers = await text(socket);
    return answers
      .trimEnd()
      .split("\n")
      .map((answer) => JSON.parse(answer) as Readonly<Record<string, unknown>>);
  }

  it.each([
    {
      of: "another user",
      peer: "1-2-4242",
      line: orderLine(perBoot("", { device: BY_ID })),
      code: "cache.peer-refused",
    },
    {
      of: "an unknown peer",
      peer: "1-unknown",
      line: orderLine(perBoot("", { device: BY_ID })),
      code: "cache.peer-refused",
    },
    { of: "what is no order", peer: "1-2-0", line: "give me the key\n", code: "cache.malformed" },
    { of: "another verb", peer: "1-2-0", line: '{"version":1,"verb":"erase"}\n', code: "cache.malformed" },
    { of: "a file of root's", peer: "1-2-0", line: orderLine(perBoot("/etc/shadow")), code: "cache.device-name-wrong" },
  ])("answers $of by $code, exits with 65, and logs to its standard error", async ({ peer, line, code }) => {
    await using listener = await listen(peer);
    expect(await answersTo(listener.path, line)).toEqual([
      expect.objectContaining({ is: "failed", code, retryable: false }),
    ]);
    const [child] = served;
    const log = child?.stderr === null || child?.stderr === undefined ? "" : await text(child.stderr);
    expect(JSON.parse(log.trim().split("\n").at(-1) ?? "{}")).toMatchObject({
      process: "volume",
      event: "volume.not-opened",
      err: { code },
    });
    await expect.poll(() => child?.exitCode, { timeout: 10_000 }).toBe(65);
  });

  it("ends without having done anything when nothing is ordered", async () => {
    await using listener = await listen("1-2-0");
    const socket = connect(listener.path);
    await once(socket, "connect");
    socket.end();
    expect(JSON.parse(await text(socket))).toMatchObject({ is: "failed", code: "cache.no-request" });
  });
});
