import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { DebugGrant, DebugUser } from "../../agent/adapters/grpc/gen/builder/agent/v1/desired_state.ts";
import { usedGrants } from "../../agent/adapters/terminal/used-grants.ts";
import { GrantSigner } from "../../sandbox/control-plane/debug/grants.ts";
import { APP } from "../plane/member.ts";
import { Sitting } from "./sitting.ts";
import { DebugStage, needsRoot } from "./stage.ts";

/** Puts this grant into the desired state, as it is, and somebody in front of its terminal. */
function order(stage: DebugStage, grant: DebugGrant): Sitting {
  const line = stage.plane.debug.terminals.of(grant.grantId, stage.identity.machineId);
  stage.plane.wish(APP, { debugGrants: [grant] });
  return new Sitting(line, { columns: 80, rows: 24 }, grant.user);
}

function grantFor(stage: DebugStage, change: Partial<DebugGrant> = {}): DebugGrant {
  const now = Date.now();
  return DebugGrant.fromPartial({
    grantId: "g-1",
    machineId: stage.identity.machineId,
    user: "ada",
    grantedBy: "olga",
    grantedAt: new Date(now - 1_000),
    startBefore: new Date(now + 60_000),
    endsAt: new Date(now + 120_000),
    command: ["/bin/echo", "it opened"],
    ...change,
  });
}

const later = (ms: number): Date => new Date(Date.now() + ms);

interface Wrong {
  readonly what: string;
  readonly reason: string;
  readonly change: (grant: DebugGrant) => Partial<DebugGrant>;
}

const WRONG: readonly Wrong[] = [
  { what: "another machine's", reason: "other-machine", change: () => ({ machineId: "m-another" }) },
  { what: "of no machine", reason: "unreadable", change: () => ({ machineId: "" }) },
  { what: "expired", reason: "expired", change: () => ({ startBefore: later(-1) }) },
  { what: "over", reason: "expired", change: () => ({ endsAt: later(-1) }) },
  { what: "early", reason: "early", change: () => ({ grantedAt: later(30_000) }) },
  { what: "startable for too long", reason: "too-long", change: () => ({ startBefore: later(15 * 60_000) }) },
  { what: "good for too long", reason: "too-long", change: () => ({ endsAt: later(4 * 60 * 60_000) }) },
  { what: "without a beginning", reason: "unreadable", change: () => ({ grantedAt: undefined }) },
  { what: "without an end", reason: "unreadable", change: () => ({ endsAt: undefined }) },
  { what: "of nobody", reason: "unreadable", change: () => ({ user: "" }) },
  { what: "with a name that steers terminals", reason: "unreadable", change: () => ({ user: "ada\u001B[2J" }) },
  { what: "with an id that is a path", reason: "unreadable", change: () => ({ grantId: "../../etc/passwd" }) },
  {
    what: "with a word too many",
    reason: "unreadable",
    change: () => ({ command: Array.from({ length: 65 }, () => "a") }),
  },
  { what: "for a user that this agent does not know", reason: "unreadable", change: () => ({ runAs: 7 as DebugUser }) },
];

describe.skipIf(needsRoot)("a grant", () => {
  it.each(WRONG)("that is $what opens nothing, and is refused as $reason", async ({ reason, change }) => {
    await using stage = await DebugStage.set();
    const right = grantFor(stage);
    const wrong = { ...right, ...change(right) };
    const ada = order(stage, wrong);
    expect(await stage.untilStatus(wrong.grantId, "refused")).toMatchObject({ reason });
    expect(ada.line.streams).toBe(0);
    expect(ada.text).toBe("");
  });

  it("that was early opens once its time has come", async () => {
    await using stage = await DebugStage.set();
    const ada = order(stage, grantFor(stage, { grantedAt: later(1_500) }));
    expect(await stage.untilStatus("g-1", "refused")).toMatchObject({ reason: "early" });
    expect(ada.line.streams).toBe(0);
    await ada.sees(/it opened/);
  });

  it("that is replayed opens nothing: after its end, under another revision, and after a restart of control", async () => {
    await using stage = await DebugStage.set();
    const grant = grantFor(stage);
    const ada = order(stage, grant);
    await ada.sees(/it opened/);
    await stage.untilStatus("g-1", "ended");
    stage.plane.debug.terminals.forget("g-1");
    stage.plane.wish(APP, { debugGrants: [] });
    await stage.board.debugTerminals.first((all) => all.length === 0, AbortSignal.timeout(10_000));
    const again = order(stage, grant);
    expect(await stage.untilStatus("g-1", "refused")).toMatchObject({ reason: "used" });
    await stage.restart();
    expect(await stage.untilStatus("g-1", "refused")).toMatchObject({ reason: "used" });
    expect(again.line.streams).toBe(0);
    expect(again.text).toBe("");
  });

  it("that comes twice at once opens nothing", async () => {
    await using stage = await DebugStage.set();
    const grant = grantFor(stage);
    const line = stage.plane.debug.terminals.of("g-1", stage.identity.machineId);
    stage.plane.wish(APP, { debugGrants: [grant, { ...grant, user: "eve" }] });
    expect(await stage.untilStatus("g-1", "refused")).toMatchObject({ reason: "unreadable" });
    expect(line.streams).toBe(0);
  });

  it("opens nothing for another person, nor for the right one after them", async () => {
    await using stage = await DebugStage.set();
    const grant = grantFor(stage);
    const line = stage.plane.debug.terminals.of("g-1", stage.identity.machineId);
    const eve = new Sitting(line, { columns: 80, rows: 24 }, "eve");
    stage.plane.wish(APP, { debugGrants: [grant] });
    expect(await eve.ended).toMatchObject({ reason: "other-person" });
    expect(await stage.untilStatus("g-1", "ended")).toMatchObject({ reason: "other-person" });
    await stage.restart();
    expect(await stage.untilStatus("g-1", "refused")).toMatchObject({ reason: "used" });
    expect(eve.text).toBe("");
  });

  it("is over when nobody comes in its time", async () => {
    await using stage = await DebugStage.set();
    const line = stage.plane.debug.terminals.of("g-1", stage.identity.machineId);
    stage.plane.wish(APP, { debugGrants: [grantFor(stage, { startBefore: later(1_500) })] });
    expect(await stage.untilStatus("g-1", "ended")).toMatchObject({ reason: "expired" });
    expect(line.begun).toBe(false);
  });

  it("for root opens nothing where the machine's configuration does not allow it", async () => {
    await using stage = await DebugStage.set({ rootAllowed: false });
    const ada = order(stage, grantFor(stage, { runAs: DebugUser.ROOT }));
    expect(await stage.untilStatus("g-1", "refused")).toMatchObject({ reason: "root-not-allowed" });
    expect(ada.line.streams).toBe(0);
  });

  it("opens nothing on a machine that is ending", async () => {
    await using stage = await DebugStage.set();
    stage.board.phase.set({ at: "draining", reason: "a test", deadlineWallMs: Date.now() + 60_000 });
    const ada = order(stage, grantFor(stage));
    expect(await stage.untilStatus("g-1", "refused")).toMatchObject({ reason: "draining" });
    expect(ada.line.streams).toBe(0);
  });
});

describe.skipIf(needsRoot).each(["ed25519", "p256"] as const)(
  "where the assignment names a key (%s), a grant",
  (kind) => {
    it("that it has signed opens", async () => {
      await using stage = await DebugStage.set();
      const signer = new GrantSigner(kind);
      stage.plane.debug.signWith(APP, signer);
      const ada = order(stage, signer.sign(grantFor(stage, { command: ["/bin/echo", "it", "opened", "ü"] })));
      await ada.sees(/it opened ü/);
    });

    const altered: readonly { readonly what: string; readonly change: (grant: DebugGrant) => Partial<DebugGrant> }[] = [
      { what: "user", change: () => ({ user: "eve" }) },
      { what: "owner", change: () => ({ grantedBy: "eve" }) },
      { what: "id", change: () => ({ grantId: "g-2" }) },
      { what: "end", change: ({ endsAt }) => ({ endsAt: new Date((endsAt?.getTime() ?? 0) + 1) }) },
      { what: "start", change: ({ startBefore }) => ({ startBefore: new Date((startBefore?.getTime() ?? 0) + 1) }) },
      { what: "beginning", change: ({ grantedAt }) => ({ grantedAt: new Date((grantedAt?.getTime() ?? 0) - 1) }) },
      { what: "command", change: () => ({ command: ["/bin/echo", "it opened", ""] }) },
      { what: "words' bounds", change: () => ({ command: ["/bin/echo", "it", "opened"] }) },
      { what: "privilege", change: () => ({ runAs: DebugUser.ROOT }) },
      { what: "idle limit", change: () => ({ idleLimit: { seconds: 3_600n, nanos: 0 } }) },
      { what: "grace", change: () => ({ disconnectGrace: { seconds: 600n, nanos: 0 } }) },
      { what: "signature", change: ({ signature }) => ({ signature: Buffer.from(signature).fill(7, 5, 6) }) },
      { what: "signature's length", change: ({ signature }) => ({ signature: signature.subarray(1) }) },
    ];
    it.each(altered)("whose $what was altered is refused", async ({ change }) => {
      await using stage = await DebugStage.set();
      const signer = new GrantSigner(kind);
      stage.plane.debug.signWith(APP, signer);
      const signed = signer.sign(grantFor(stage));
      const grant = { ...signed, ...change(signed) };
      const ada = order(stage, grant);
      expect(await stage.untilStatus(grant.grantId, "refused")).toMatchObject({ reason: "signature-wrong" });
      expect(ada.line.streams).toBe(0);
    });

    it("that is not signed, or by another key, is refused", async () => {
      await using stage = await DebugStage.set();
      stage.plane.debug.signWith(APP, new GrantSigner(kind));
      order(stage, grantFor(stage));
      expect(await stage.untilStatus("g-1", "refused")).toMatchObject({ reason: "unsigned" });
      order(stage, new GrantSigner(kind).sign(grantFor(stage, { grantId: "g-2" })));
      expect(await stage.untilStatus("g-2", "refused")).toMatchObject({ reason: "signature-wrong" });
    });
  },
);

describe.skipIf(needsRoot)("the key that this boot began with", () => {
  it("stays when control is started anew: another one opens nothing, and the right one still does", async () => {
    await using stage = await DebugStage.set();
    const owner = new GrantSigner("ed25519");
    stage.plane.debug.signWith(APP, owner);
    order(stage, owner.sign(grantFor(stage, { command: ["/bin/echo", "first"] })));
    await stage.untilStatus("g-1", "ended");
    const swapped = new GrantSigner("ed25519");
    stage.plane.debug.signWith(APP, swapped);
    await stage.restart();
    const eve = order(stage, swapped.sign(grantFor(stage, { grantId: "g-2", user: "eve" })));
    expect(await stage.untilStatus("g-2", "refused")).toMatchObject({ reason: "signature-wrong" });
    expect(eve.line.streams).toBe(0);
    const ada = order(stage, owner.sign(grantFor(stage, { grantId: "g-3" })));
    await ada.sees(/it opened/);
  });

  it("cannot be left out after a restart either", async () => {
    await using stage = await DebugStage.set();
    stage.plane.debug.signWith(APP, new GrantSigner("p256"));
    await stage.board.firstAssignment.first(({ at }) => at === "kept", AbortSignal.timeout(10_000));
    await stage.stop();
    await stage.restart();
    stage.board.desired.set(undefined);
    const ada = order(stage, grantFor(stage));
    expect(await stage.untilStatus("g-1", "refused")).toMatchObject({ reason: "unsigned" });
    expect(ada.line.streams).toBe(0);
  });

  it("is not guessed where what was kept of it cannot be read: every grant is refused", async () => {
    await using stage = await DebugStage.set();
    await stage.stop();
    await writeFile(join(stage.dir, "assignment.json"), '{"version":1,"boot');
    await stage.restart();
    order(stage, grantFor(stage));
    expect(await stage.untilStatus("g-1", "refused")).toMatchObject({ reason: "key-unknown" });
    expect(stage.log.events()).toContain("assignment.not-known");
  });
});

describe("what was used", () => {
  it("opens nothing when it cannot be read or kept", async () => {
    const dir = await mkdtemp(join(tmpdir(), "used-"));
    try {
      const file = join(dir, "used.json");
      await writeFile(file, '{"version":1,"used":["g-1"');
      await expect(usedGrants(file).has("g-2")).rejects.toMatchObject({ code: "debug-grants.unreadable" });
      const nowhere = usedGrants(join(file, "beneath-a-file"));
      await expect(nowhere.add("g-1")).rejects.toMatchObject({ code: "debug-grants.unreadable" });
    } finally {
      await rm(dir, { recursive: true });
    }
  });
});
