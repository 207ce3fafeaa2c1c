import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { NetworkOrder } from "../../agent/core/network/order.ts";
import { whyNoNamespace } from "../sandbox/net/whether.ts";
import { GuardedVm, whyNoGuardedVm } from "./stage/guarded-vm.ts";
import { Step } from "./stage/step.ts";
import { World } from "./stage/world.ts";

const why = whyNoNamespace() ?? whyNoGuardedVm();

const PUBLIC = "203.0.113.10";
const NODE = "100.64.0.9";
const ELSEWHERE: NetworkOrder["egress"] = { allowedCidrs: ["192.0.2.0/24"], allowPrivateRanges: false };

/**
 * Whoever listens on port 53 waits for a question. This one connects, and asks when it is told to.
 */
const CLIENT = `
  const socket = require("node:net").connect(53, process.argv[1]);
  const say = (word) => { console.log(word); process.exit(); };
  socket.on("connect", () => console.log("open")).on("data", () => say("answered")).on("error", ({ code }) => say(code));
  process.stdin.once("data", () => { socket.write(Buffer.alloc(16)); setTimeout(say, 2_500, "nothing"); });
`;

describe("a connection that a build step has open", () => {
  let world: World;
  let vm: GuardedVm;
  let step: Step;

  beforeAll(async () => {
    if (why !== undefined) return;
    world = await World.make();
    await world.joinTailnet();
    vm = await GuardedVm.make(world);
    await vm.apply();
    step = await Step.make(world.vm, vm.conflistFile);
  });
  beforeEach(({ skip }) => {
    if (why !== undefined) skip(why);
  });
  afterAll(async () => {
    await step?.[Symbol.asyncDispose]();
    await world?.[Symbol.asyncDispose]();
  });

  it.each([
    {
      what: "is cut when the tailnet is withdrawn",
      host: NODE,
      first: { tailnet: "open" },
      later: {},
      said: "nothing",
    },
    {
      what: "is cut when a list no longer has it",
      host: PUBLIC,
      first: {},
      later: { egress: ELSEWHERE },
      said: "nothing",
    },
    { what: "is left alone by the same order", host: PUBLIC, first: {}, later: {}, said: "answered" },
    {
      what: "is left alone by a change that is not about it",
      host: PUBLIC,
      first: {},
      later: { tailnet: "open" },
      said: "answered",
    },
  ] as const)("$what", async ({ host, first, later, said }) => {
    await vm.apply(first);
    const args = [`--net=/proc/${step.pid}/ns/net`, "--", process.execPath, "--eval", CLIENT, host];
    const client = spawn("nsenter", args, { stdio: ["pipe", "pipe", "inherit"] });
    const closed = once(client, "close");
    const lines = createInterface({ input: client.stdout })[Symbol.asyncIterator]();
    expect((await lines.next()).value).toBe("open");
    await vm.apply(later);
    client.stdin.write("ask\n");
    expect((await lines.next()).value).toBe(said);
    await closed;
  });
});
