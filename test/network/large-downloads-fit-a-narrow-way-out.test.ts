import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { AppliedNetwork } from "../../agent/core/network/order.ts";
import { needsNamespaces, whyNoNamespace } from "../sandbox/net/whether.ts";
import { GuardedVm, whyNoGuardedVm } from "./stage/guarded-vm.ts";
import { Step } from "./stage/step.ts";
import { World } from "./stage/world.ts";

needsNamespaces();
const why = whyNoNamespace() ?? whyNoGuardedVm();

const BYTES = 1024 * 1024;
const PORT = 8080;
const NARROW = 1400;

const SERVER = `
  require("node:net").createServer((socket) => socket.on("error", () => {}).end(Buffer.alloc(${BYTES})))
    .listen(${PORT}, "::", () => process.stdout.write("listening"));
  process.stdin.resume().once("end", () => process.exit());`;

/** Prints how many bytes came within some seconds. */
const CLIENT = (host: string): string => `
  let bytes = 0;
  const tell = () => { process.stdout.write(String(bytes)); process.exit(); };
  require("node:net").connect(${PORT}, "${host}").on("data", (piece) => { bytes += piece.length; })
    .on("close", tell).on("error", tell);
  setTimeout(tell, 4_000);`;

/**
 * As on a builder behind a tunnel: what is larger than the way out is lost on its way here, and
 * nobody tells the sender.
 */
describe("with a way out that is narrower than the builds' cables", () => {
  let world: World;
  let vm: GuardedVm;
  let early: Step;
  let network: AppliedNetwork;
  let stopServer: () => Promise<void>;

  beforeAll(async () => {
    if (why !== undefined) return;
    world = await World.make();
    vm = await GuardedVm.make(world);
    network = await vm.apply();
    early = await Step.make(world.vm, vm.conflistFile);
    const { command, args } = world.outside.enter(process.execPath, ["-e", SERVER]);
    const server = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
    await once(server.stdout, "data");
    stopServer = async () => {
      const closed = once(server, "close");
      server.stdin.end();
      await closed;
    };
    // The other end stays as it was: what it sends in larger pieces is lost. It must cut them
    // itself: a cable between namespaces takes what is yet to be cut, whatever its width.
    await world.outside.run("ip", ["link", "set", "dev", "downlink", "gso_max_segs", "1"]);
    await world.vm.run("ip", ["link", "set", "dev", "uplink", "mtu", String(NARROW)]);
  });
  beforeEach(({ skip }) => {
    if (why !== undefined) skip(why);
  });
  afterAll(async () => {
    await stopServer?.();
    await early?.[Symbol.asyncDispose]();
    await world?.[Symbol.asyncDispose]();
  });

  const HOSTS = ["203.0.113.10", "2001:db8:113::10"];
  const downloaded = async (step: Step, host: string): Promise<number> =>
    Number(await step.run(process.execPath, ["-e", CLIENT(host)]));

  it.each(HOSTS)("a step whose cable is wider has all of a large download from %s", async (host) => {
    expect(await downloaded(early, host)).toBe(BYTES);
  });

  it("a new step's cable is as narrow as the way out", async () => {
    await vm.apply();
    expect(JSON.parse(await readFile(vm.conflistFile, "utf8"))).toMatchObject({ plugins: [{ mtu: NARROW }] });
    await using step = await Step.make(world.vm, vm.conflistFile);
    expect(await step.run("ip", ["link", "show", "dev", "eth0"])).toContain(`mtu ${NARROW} `);
    for (const host of HOSTS) expect(await downloaded(step, host)).toBe(BYTES);
  });

  it("hangs without the guard: these tests can fail", async () => {
    await vm.guardOff();
    // Unmasqueraded, its answers find their way back by this.
    await world.answerBuilds(network);
    for (const host of HOSTS) expect(await downloaded(early, host)).toBeLessThan(BYTES / 2);
  });
});
