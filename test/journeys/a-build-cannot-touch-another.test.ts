import { mkdir, mkdtemp, readFile, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { BuildPermission } from "../../agent/adapters/grpc/gen/builder/agent/v1/desired_state.ts";
import { eventually } from "./stage/eventually.ts";
import { BRIDGE, CONTENT, CONTROL, fields, message, RawCalls, strings } from "./stage/raw-calls.ts";
import { sharedStage } from "./stage/shared-stage.ts";
import { buildkitSocketIn } from "./stage/stage-config.ts";

const OK = 0;
const PERMISSION_DENIED = 7;
const NOTHING = Buffer.alloc(0);
const ACTIVE_ONLY = [0x08, 1];
const EARLY_EXIT = [0x18, 1];
const BUILD_HEADER = "buildkit-controlapi-buildid";
const SESSION_HEADER = "x-docker-expose-session-uuid";
const ALIKE = new Date("2026-01-02T03:04:05Z");

const stage = sharedStage();

/** The refs that BuildKit has, asked as root on the machine. */
async function refs(which: readonly number[] = []): Promise<readonly string[]> {
  using root = RawCalls.direct(buildkitSocketIn(stage().runtimeDir));
  const { messages } = await root.call(`${CONTROL}ListenBuildHistory`, Buffer.from([...which, ...EARLY_EXIT]));
  const records = messages.flatMap((event) => fields(event, 2));
  return records.flatMap((record) => fields(record, 1)).map((ref) => Buffer.from(ref).toString());
}

function refused(because: string) {
  return { messages: [], code: PERMISSION_DENIED, details: expect.stringContaining(because) as string };
}

it("what a build has is closed to another, while it runs and afterwards; what it may, goes on", {
  timeout: 120_000,
}, async () => {
  const [victim, thief] = [await stage().openBuild(), await stage().openBuild()];
  await using held = await stage().holdBuild(victim);
  const ref = await eventually("the held build is listed", async () => (await refs(ACTIVE_ONLY))[0]);
  using calls = await RawCalls.of(thief);
  const foreign = `the ref "${ref}" is not of this build`;
  const attempts: readonly [path: string, message: Uint8Array, because: string, headers?: Record<string, string>][] = [
    [`${CONTROL}Status`, strings({ 1: ref }), foreign],
    [`${CONTROL}Solve`, strings({ 1: ref }), foreign],
    [`${CONTROL}ListenBuildHistory`, strings({ 2: ref }), foreign],
    [`${CONTROL}ListenBuildHistory`, Buffer.from([...ACTIVE_ONLY, ...EARLY_EXIT]), "it names no ref of this build"],
    [`${CONTROL}UpdateBuildHistory`, Buffer.concat([strings({ 1: ref }), Buffer.from([0x18, 1])]), foreign],
    [`${BRIDGE}Ping`, NOTHING, foreign, { [BUILD_HEADER]: ref }],
    [`${BRIDGE}NewContainer`, NOTHING, "it names no ref"],
    [`${CONTENT}Read`, strings({ 1: `sha256:${"0".repeat(64)}` }), "is not of this build"],
    [`${CONTENT}List`, NOTHING, "it is not known"],
    [`${CONTROL}ListWorkers/`, NOTHING, "it is not known"],
    [`${CONTROL}Session`, NOTHING, "it names no session"],
  ];
  for (const [path, message, because, headers] of attempts)
    expect(await calls.call(path, message, headers)).toEqual(refused(because));
  expect(await calls.call(`${CONTROL}ListWorkers`, NOTHING)).toMatchObject({ code: OK, messages: [expect.anything()] });
  expect(await calls.call(`${CONTROL}DiskUsage`, NOTHING)).toMatchObject({ code: OK });
  expect(await calls.call(`${CONTROL}Prune`, NOTHING)).toMatchObject({ code: OK });
  await held.finish();
  expect(await refs()).toContain(ref);
  const again = attempts.slice(0, 6);
  for (const [path, message, because, headers] of again)
    expect(await calls.call(path, message, headers)).toEqual(refused(because));
  calls[Symbol.dispose]();
  const [record] = await stage().untilRecords(thief);
  expect(record?.refusedCalls).toBe(attempts.length + again.length);
});

it("a session belongs to the build that was first to name it, however it is written", async () => {
  const [one, other] = [await stage().openBuild(), await stage().openBuild()];
  using calls = await RawCalls.of(one);
  using others = await RawCalls.of(other);
  const session = "s".repeat(25);
  const begun = calls.call(`${CONTROL}Session`, NOTHING, { [SESSION_HEADER]: session });
  await calls.call(`${CONTROL}ListWorkers`, NOTHING);
  expect(await others.call(`${CONTROL}Session`, NOTHING, { [SESSION_HEADER]: session })).toEqual(
    refused(`the session "${session}" is not of this build`),
  );
  for (const named of [session, `any:${session}`])
    for (const field of [5, 15])
      expect(await others.call(`${CONTROL}Solve`, strings({ 1: `r${named}${field}`, [field]: named }))).toEqual(
        refused("is not of this build"),
      );
  // A source of files of BuildKit's pb.Op, in the definition of a solve.
  for (const [named, prefix] of [
    [session, ""],
    [`any:${session}`, ""],
    [session, "x".repeat(20_000)],
  ] as const) {
    const attribute = Buffer.concat([strings({ 1: "local.sessionid", 2: named })]);
    const source = Buffer.concat([strings({ 1: `local://${prefix}` }), message(2, attribute)]);
    const definition = message(2, message(1, message(3, source)));
    expect(await others.call(`${CONTROL}Solve`, Buffer.concat([strings({ 1: `m${named}` }), definition]))).toEqual(
      refused("it mentions a session that is not of this build"),
    );
  }
  expect((await begun).code).not.toBe(PERMISSION_DENIED);
});

it("a build reads the blobs of its own history, once it was told of them; nobody else does", async () => {
  const [owner, thief] = [await stage().openBuild(), await stage().openBuild()];
  const before = new Set(await refs());
  await using held = await stage().holdBuild(owner);
  await held.finish();
  const ref = (await refs()).find((each) => !before.has(each)) ?? "";
  using owners = await RawCalls.of(owner);
  using thiefs = await RawCalls.of(thief);
  const { messages } = await owners.call(
    `${CONTROL}ListenBuildHistory`,
    Buffer.concat([strings({ 2: ref }), Buffer.from(EARLY_EXIT)]),
  );
  const [record] = messages.flatMap((event) => fields(event, 2));
  const logs = fields(record ?? NOTHING, 8).flatMap((descriptor) => fields(descriptor, 2));
  const digest = Buffer.from(logs[0] ?? NOTHING).toString();
  expect(digest).toMatch(/^sha256:/);
  const read = strings({ 1: digest });
  expect(await owners.call(`${CONTENT}Read`, read)).toMatchObject({ code: OK, messages: [expect.anything()] });
  expect(await owners.call(`${CONTENT}Info`, read)).toMatchObject({ code: OK });
  for (const method of ["Read", "Info"])
    expect(await thiefs.call(`${CONTENT}${method}`, read)).toEqual(refused(`"${digest}" is not of this build`));
});

it("the control plane gives a build more, or less, than is usual", async () => {
  const { BUILD, HISTORY } = BuildPermission;
  const [curious, modest] = [
    await stage().openBuild({ permissions: [BUILD, HISTORY] }),
    await stage().openBuild({ permissions: [BUILD] }),
  ];
  using curiouss = await RawCalls.of(curious);
  using modests = await RawCalls.of(modest);
  const all = Buffer.from(EARLY_EXIT);
  expect(await curiouss.call(`${CONTROL}ListenBuildHistory`, all)).toMatchObject({ code: OK });
  expect(await curiouss.call(`${CONTROL}UpdateBuildHistory`, strings({ 1: "r".repeat(25) }))).toEqual(
    refused("a build may not change the history of all builds here"),
  );
  expect(await modests.call(`${CONTROL}ListenBuildHistory`, all)).toEqual(refused("see the history of all builds"));
  for (const [method, because] of [
    ["Prune", "this build may not prune the cache here"],
    ["DiskUsage", "this build may not see what the cache holds here"],
  ] as const)
    expect(await modests.call(`${CONTROL}${method}`, NOTHING)).toEqual(refused(because));
});

/** What comes out of a build that copies one file of its client's, all of whose facts are alike. */
async function copied(content: string, order: { readonly contextGroup?: string } = {}): Promise<string> {
  const dir = await mkdtemp(join(stage().clientDir, "alike-"));
  const [context, out] = [join(dir, "context"), join(dir, "out")];
  await mkdir(context);
  await writeFile(join(dir, "Dockerfile"), "FROM scratch\nCOPY file /\n");
  await writeFile(join(context, "file"), content);
  await utimes(join(context, "file"), ALIKE, ALIKE);
  await using client = stage().buildctl(await stage().openBuild(order), [
    ...["build", "--progress", "plain", "--frontend", "dockerfile.v0"],
    ...["--local", `context=${context}`, "--local", `dockerfile=${dir}`, "--output", `type=local,dest=${out}`],
  ]);
  expect(await client.ended).toMatchObject({ exitCode: 0 });
  return await readFile(join(out, "file"), "utf8");
}

it("a build gets its own client's files, also where another build's are of one name, length, mode and time", {
  timeout: 120_000,
}, async () => {
  for (const content of ["first", "other", "third"]) expect(await copied(content)).toBe(content);
});

it("builds of one group trust each other's clients: what is alike is not sent again", {
  timeout: 120_000,
}, async () => {
  expect(await copied("first", { contextGroup: "main" })).toBe("first");
  expect(await copied("other", { contextGroup: "main" })).toBe("first");
  expect(await copied("other", { contextGroup: "fork" })).toBe("other");
});
