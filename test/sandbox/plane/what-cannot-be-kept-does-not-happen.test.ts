import {
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rm,
  rmdir,
  stat,
  truncate,
  unlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SessionRecord } from "../../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import { EmbeddedControlPlane } from "../../../sandbox/control-plane/embedded-control-plane.ts";
import { keeperIn } from "../../../sandbox/control-plane/kept/on-disk.ts";
import { APP, joinRequest, PlainAgent, refusal, registered } from "../plain-agent.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "kept-"));
});
afterEach(() => rm(dir, { recursive: true }));

async function listen(): Promise<EmbeddedControlPlane> {
  return EmbeddedControlPlane.listen({ applyDeadlineMs: 100, heartbeatMs: 20 }, keeperIn(dir));
}

/** Meanwhile nothing can be written: the part file's name is taken by a directory. */
async function whileNothingCanBeWritten(act: () => Promise<void>): Promise<void> {
  const inTheWay = join(dir, "state.json.part");
  await mkdir(inTheWay);
  await act();
  await rmdir(inTheWay);
}

async function attached(plane: EmbeddedControlPlane) {
  const agent = await registered(plane);
  const stream = agent.attach();
  stream.hello();
  return { stream, [Symbol.dispose]: () => agent[Symbol.dispose]() };
}

describe("a state that cannot be written", () => {
  it("refuses the change, sends nothing of it, and takes the next one when there is room again", async () => {
    await using plane = await listen();
    using machine = await attached(plane);
    const before = await machine.stream.desired();
    await whileNothingCanBeWritten(async () => {
      await expect(plane.openBuild({ ...APP, buildId: "b-1" })).rejects.toThrow(/^Nothing was changed: .*state\.json/);
      expect(() => plane.issueJoinToken(APP)).toThrow("Nothing was changed");
      expect(() => plane.wish(APP, { diagnosticsRequests: [] })).toThrow("Nothing was changed");
      await expect(plane.rotateBuildCa()).rejects.toThrow("Nothing was changed");
      expect(() => plane.startNewEpoch(APP)).toThrow("Nothing was changed");
      expect(plane.listBuilds()).toEqual([]);
      for (let heartbeat = 0; heartbeat < 3; heartbeat += 1) {
        const state = await machine.stream.desired();
        expect(state).toEqual({ ...before, sentAt: state.sentAt });
      }
    });
    const { change } = await plane.openBuild({ ...APP, buildId: "b-1", wait: false });
    expect(change.revision).toBe(before.revision + 1n);
  });

  it("lets no machine in, leaves its token good, and knows the machine when it comes again", async () => {
    await using plane = await listen();
    using agent = new PlainAgent(plane);
    const token = plane.issueJoinToken(APP);
    await whileNothingCanBeWritten(async () => {
      const refused = await refusal(agent.register((await joinRequest(agent, token)).request));
      expect(refused.code).toBe(status.INTERNAL);
      expect(refused.metadata.get("builder-agent-refusal")).toEqual([]);
      expect(plane.machines()).toEqual([]);
    });
    await agent.register((await joinRequest(agent, token)).request);
    expect(plane.machines()).toHaveLength(1);
  });
});

describe("a control plane that is started again", () => {
  it("keeps wishes, both build CAs, refusals and drains under the revision that they had", async () => {
    let before: unknown;
    let id = "";
    {
      await using plane = await listen();
      using machine = await attached(plane);
      plane.wish(APP, { egress: { allowedCidrs: ["198.51.100.0/24"] } as never });
      await plane.rotateBuildCa();
      plane.drain(APP, { reason: "over", graceMs: 1_500 });
      const { revision } = plane.wish(APP, {});
      let state = await machine.stream.desired();
      while (state.revision < revision) state = await machine.stream.desired();
      // How often a control plane speaks is its process's own, as when it spoke.
      before = { ...state, sentAt: undefined, heartbeat: undefined };
      id = plane.machines()[0]?.id ?? "";
    }
    await using plane = await listen();
    const [machine] = plane.machines();
    if (machine === undefined) throw new Error("the machine was forgotten");
    const context = { architecture: "amd64", epoch: (before as { epoch: string }).epoch, sentAt: new Date(0) };
    const state = machine.project.desired({ ...context, trustBundle: plane.authorities.trustBundle() });
    expect({ ...state, sentAt: undefined }).toEqual(before);
    plane.refuseMachine(id);
    await plane[Symbol.asyncDispose]();
    await using third = await listen();
    expect(third.machines()[0]?.refused).toBe(true);
  });

  it("knows the session records that it has acknowledged when they come again", async () => {
    const acknowledged = async (plane: EmbeddedControlPlane, ...sequences: readonly bigint[]): Promise<bigint> => {
      using machine = await attached(plane);
      const records = sequences.map((sequence) =>
        SessionRecord.fromPartial({ sequence, orgId: APP.org, projectId: APP.project }),
      );
      machine.stream.send({ $case: "records", value: { bootId: "boot-1", records } });
      return (await machine.stream.ack()).upToSequence;
    };
    await using first = await listen();
    expect(await acknowledged(first, 4n, 5n)).toBe(5n);
    await first[Symbol.asyncDispose]();
    await using second = await listen();
    expect(await acknowledged(second, 5n, 6n)).toBe(6n);
    expect(second.repeatedRecords).toBe(1);
    expect(second.machines()).toHaveLength(1);
  });

  it("closes a build that was being opened: nobody has its certificate", async () => {
    await using plane = await EmbeddedControlPlane.listen({ applyDeadlineMs: 60_000 }, keeperIn(dir));
    using machine = await attached(plane);
    await machine.stream.desired();
    const giveUp = new AbortController();
    const opening = plane.openBuild({ ...APP, buildId: "b-1" }, giveUp.signal).catch(() => undefined);
    const { revision } = await machine.stream.desired();
    expect(plane.listBuilds()).toHaveLength(1);
    // As one that is started after the first was killed at this moment.
    await using later = await listen();
    expect(later.listBuilds()).toEqual([]);
    expect(later.wish(APP, {}).revision).toBe(revision + 2n);
    giveUp.abort();
    await opening;
  });

  it("ends builds that expired long ago and nobody ended, before their number is too large", async () => {
    await using plane = await listen();
    plane.issueJoinToken(APP);
    for (const buildId of ["b-1", "b-2"]) await plane.openBuild({ ...APP, buildId, ttlMs: 1_000, wait: false });
    const { revision } = plane.extendBuild("b-2", new Date(Date.now() + 3_600_000));
    plane.endExpired(60_000);
    expect(plane.listBuilds()).toHaveLength(2);
    plane.endExpired(-1_000);
    expect(plane.listBuilds()).toMatchObject([{ buildId: "b-2" }]);
    expect(plane.wish(APP, {}).revision).toBe(revision + 2n);
  });

  it("finds a whole state at every moment: the file is replaced, never written into", async () => {
    await using plane = await listen();
    await using before = await open(join(dir, "state.json"));
    plane.issueJoinToken(APP);
    const text = await before.readFile("utf8");
    expect(JSON.parse(text)).toMatchObject({ version: 1 });
    expect(text).not.toContain("acme");
    expect(await readdir(dir)).toEqual(["authorities", "spent", "state.json"]);
  });

  it("keeps keys for its user alone, and shows none of them in its state", async () => {
    await using plane = await listen();
    plane.issueJoinToken(APP);
    expect((await stat(join(dir, "authorities"))).mode & 0o777).toBe(0o700);
    const names = await readdir(join(dir, "authorities"));
    expect(names.toSorted()).toEqual(["builders.pem", "builds.pem", "control-plane.pem", "machines.pem"]);
    for (const name of names) expect((await stat(join(dir, "authorities", name))).mode & 0o777).toBe(0o600);
    expect((await stat(join(dir, "state.json"))).mode & 0o777).toBe(0o600);
    expect(await readFile(join(dir, "state.json"), "utf8")).not.toContain("PRIVATE KEY");
  });

  it("uses the authorities of a first start that was killed before it had a state", async () => {
    await using first = await listen();
    await first[Symbol.asyncDispose]();
    await unlink(join(dir, "state.json"));
    await using second = await listen();
    expect(second.caPem).toBe(first.caPem);
  });

  it.each([
    ["is cut short", (file: string) => truncate(file, 100), /state\.json is damaged: put a copy of it back, or/],
    ["is empty", (file: string) => writeFile(file, ""), /state\.json is damaged/],
    ["is no JSON", (file: string) => writeFile(file, "hello"), /state\.json is damaged/],
    [
      "has one character changed",
      async (file: string) => writeFile(file, (await readFile(file, "utf8")).replace("acme", "acne")),
      /state\.json is damaged/,
    ],
    [
      "is of a newer release",
      async (file: string) => writeFile(file, (await readFile(file, "utf8")).replace('"version":1', '"version":2')),
      /state\.json is of a newer release \(form 2, this one reads 1\): start that release, or/,
    ],
    [
      "has lost an authority",
      () => unlink(join(dir, "authorities", "machines.pem")),
      /machines\.pem is damaged \(it is/,
    ],
    [
      "has an authority with another's key",
      async () => {
        const [one, other] = ["machines.pem", "builds.pem"].map((name) => join(dir, "authorities", name));
        const [certPem, keyPem] = [await readFile(one ?? "", "utf8"), await readFile(other ?? "", "utf8")];
        const [cut, from] = [certPem.indexOf("-----BEGIN PRIVATE"), keyPem.indexOf("-----BEGIN PRIVATE")];
        await writeFile(one ?? "", certPem.slice(0, cut) + keyPem.slice(from));
      },
      /machines\.pem is damaged \(the key is not the certificate's\)/,
    ],
  ])("says what to do when its state %s, and changes nothing", async (_state, damage, says) => {
    await using plane = await listen();
    plane.issueJoinToken(APP);
    await plane[Symbol.asyncDispose]();
    const file = join(dir, "state.json");
    await damage(file);
    const before = await readFile(file, "utf8");
    await expect(listen()).rejects.toMatchObject({
      exitCode: 65,
      message: expect.stringMatching(says) as string,
    });
    expect(await readFile(file, "utf8")).toBe(before);
  });
});
