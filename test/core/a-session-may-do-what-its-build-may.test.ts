import { describe, expect, it } from "vitest";
import {
  type Belongs,
  BUILD_HEADER,
  type Kind,
  mayCall,
  mayName,
  methodOf,
  type Named,
  PERMISSIONS,
  type Permission,
  SESSION_HEADER,
  USUAL_PERMISSIONS,
} from "../../agent/core/calls.ts";
import { namesOf } from "./names-of.ts";

const CONTROL = "/moby.buildkit.v1.Control/";
const BRIDGE = "/moby.buildkit.v1.frontend.LLBBridge/";
const CONTENT = "/containerd.services.content.v1.Content/";
const ALL: ReadonlySet<Permission> = new Set(PERMISSIONS);
const BRIDGE_METHODS = [
  ...["ResolveImageConfig", "ResolveSourceMeta", "Solve", "ReadFile", "ReadDir", "StatFile", "Evaluate", "Ping"],
  ...["Return", "Inputs", "NewContainer", "ReleaseContainer", "ExecProcess", "ReadFileContainer", "ReadDirContainer"],
  ...["StatFileContainer", "Warn"],
].map((name) => `${BRIDGE}${name}`);

/** What each method needs, and every name by which it says whose it is. */
const TABLE: readonly { path: string; needs: Permission; names: readonly string[] }[] = [
  { path: `${CONTROL}ListWorkers`, needs: "build", names: [] },
  { path: `${CONTROL}Info`, needs: "build", names: [] },
  { path: `${CONTROL}DiskUsage`, needs: "disk-usage", names: [] },
  { path: `${CONTROL}Prune`, needs: "prune", names: [] },
  { path: `${CONTROL}Solve`, needs: "build", names: ["1 ref!", "5 session", "15 session"] },
  { path: `${CONTROL}Status`, needs: "build", names: ["1 ref! or history"] },
  { path: `${CONTROL}Session`, needs: "build", names: [`${SESSION_HEADER} session!`] },
  { path: `${CONTROL}ListenBuildHistory`, needs: "build", names: ["2 ref! or history"] },
  { path: `${CONTROL}UpdateBuildHistory`, needs: "build", names: ["1 ref! or change-history"] },
  ...BRIDGE_METHODS.map((path) => ({ path, needs: "build" as const, names: [`${BUILD_HEADER} ref!`] })),
  { path: `${CONTENT}Info`, needs: "build", names: ["1 digest! or history"] },
  { path: `${CONTENT}Read`, needs: "build", names: ["1 digest! or history"] },
  { path: "/opentelemetry.proto.collector.trace.v1.TraceService/Export", needs: "build", names: [] },
  { path: "/grpc.health.v1.Health/Check", needs: "build", names: [] },
];

describe.each(TABLE)("$path", ({ path, needs, names }) => {
  it(`needs ${needs}, and nothing else`, () => {
    expect(mayCall(path, new Set([needs]))).toEqual({ may: true, method: methodOf(path) });
    const others = new Set(PERMISSIONS.filter((permission) => permission !== needs));
    expect(mayCall(path, others)).toEqual({
      may: false,
      because: expect.stringContaining("this build may not ") as string,
    });
  });

  it(`is judged by ${names.length === 0 ? "no name" : names.join(", ")}`, () => {
    const judged = namesOf(methodOf(path)).map(({ at, kind, required, otherwise }) => {
      return `${at} ${kind}${required ? "!" : ""}${otherwise === undefined ? "" : ` or ${otherwise}`}`;
    });
    expect(judged).toEqual(names);
  });
});

it.each([
  { path: `${CONTROL}Solve/`, what: "with a slash more" },
  { path: `${CONTROL}solve`, what: "in another case" },
  { path: CONTROL, what: "of no method" },
  { path: `/${CONTROL}Solve`, what: "with a slash before" },
  { path: "moby.buildkit.v1.Control/Solve", what: "without its slash" },
  { path: `${CONTROL}Solve `, what: "with a space" },
  { path: `${CONTENT}List`, what: "of another method of a known service" },
  { path: `${CONTENT}Delete`, what: "that deletes" },
  { path: "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", what: "of another service" },
  { path: "constructor", what: "of a name that every object has" },
  { path: "", what: "that is empty" },
])("a path $what is refused, whatever a build may", ({ path }) => {
  expect(mayCall(path, ALL)).toEqual({
    may: false,
    because: expect.stringMatching(/^this machine passes no call of ".*": it is not known$/) as string,
  });
});

it("a path that is long is told in part", () => {
  const { because } = mayCall(`/${"x".repeat(5_000)}\n`, ALL) as { because: string };
  expect(because.length).toBeLessThan(200);
  expect(mayCall('/\n"', ALL)).toMatchObject({ because: expect.stringContaining(String.raw`"/\n\""`) as string });
});

it("the usual permissions are what stock clients need, and not what is others'", () => {
  expect([...USUAL_PERMISSIONS].toSorted()).toEqual(["build", "disk-usage", "prune"]);
});

it("the methods whose answers name blobs are known, and say of what by one name", () => {
  const telling = TABLE.filter(({ path }) => methodOf(path)?.tells !== undefined);
  expect(telling.map(({ path }) => [path, methodOf(path)?.tells, namesOf(methodOf(path)).length])).toEqual([
    [`${CONTROL}ListenBuildHistory`, "history", 1],
    [`${CONTENT}Read`, "blob", 1],
  ]);
});

describe("a name", () => {
  const only = (belongs: Belongs) => (_kind: Kind, _name: string, _claims: boolean) => belongs;
  const named: Named = { at: 1, kind: "ref", claims: true, required: true };
  const or: Named = { ...named, claims: false, otherwise: "history" };
  const usual = USUAL_PERMISSIONS;
  const more = new Set<Permission>([...usual, "history"]);

  it.each([
    { what: "its own", as: named, name: "r", belongs: "own", permissions: usual, may: true },
    { what: "another's", as: named, name: "r", belongs: "foreign", permissions: usual, may: false },
    {
      what: "another's, whatever the build may",
      as: named,
      name: "r",
      belongs: "foreign",
      permissions: ALL,
      may: false,
    },
    { what: "nobody's", as: named, name: "r", belongs: "unknown", permissions: usual, may: false },
    { what: "missing", as: named, name: undefined, belongs: "own", permissions: ALL, may: false },
    { what: "empty", as: named, name: "", belongs: "own", permissions: ALL, may: false },
    {
      what: "missing, and not required",
      as: { ...named, required: false },
      name: undefined,
      belongs: "foreign",
      permissions: usual,
      may: true,
    },
    {
      what: "empty, and not required",
      as: { ...named, required: false },
      name: "",
      belongs: "foreign",
      permissions: usual,
      may: true,
    },
    {
      what: "another's, and not required",
      as: { ...named, required: false },
      name: "r",
      belongs: "foreign",
      permissions: ALL,
      may: false,
    },
    {
      what: "another's, where history would do",
      as: or,
      name: "r",
      belongs: "foreign",
      permissions: usual,
      may: false,
    },
    { what: "another's, with history", as: or, name: "r", belongs: "foreign", permissions: more, may: true },
    {
      what: "missing, where history would do",
      as: or,
      name: undefined,
      belongs: "own",
      permissions: usual,
      may: false,
    },
    { what: "missing, with history", as: or, name: undefined, belongs: "own", permissions: more, may: true },
    {
      what: "buildx's probe",
      as: or,
      name: "buildx-test-history-api-feature",
      belongs: "unknown",
      permissions: usual,
      may: true,
    },
    {
      what: "buildx's probe, where it could be claimed",
      as: named,
      name: "buildx-test-history-api-feature",
      belongs: "foreign",
      permissions: usual,
      may: false,
    },
    {
      what: "buildx's probe as a blob",
      as: { ...or, kind: "digest" as const },
      name: "buildx-test-history-api-feature",
      belongs: "unknown",
      permissions: usual,
      may: false,
    },
  ] as const)("that is $what: $may", ({ as, name, belongs, permissions, may }) => {
    expect(mayName(as, name, only(belongs), permissions).may).toBe(may);
  });

  it("is asked after by its kind, and claimed only where it may be", () => {
    const asked: unknown[] = [];
    const belongs = (...each: readonly unknown[]): Belongs => {
      asked.push(each);
      return "own";
    };
    mayName(named, "r", belongs, usual);
    mayName({ ...or, kind: "digest" }, "sha256:1", belongs, usual);
    expect(asked).toEqual([
      ["ref", "r", true],
      ["digest", "sha256:1", false],
    ]);
  });

  it.each([
    {
      as: named,
      name: "r\u0000",
      because: String.raw`the ref "r\u0000" is not of this build, and otherwise nothing is allowed`,
    },
    {
      as: or,
      name: "r",
      because:
        'the ref "r" is not of this build, and otherwise a build may not see the history of all builds here, ' +
        "unless whoever runs this builder allows it (OpenBuild.permissions)",
    },
    { as: named, name: undefined, because: "it names no ref of this build, and without one nothing is allowed" },
  ])("that is refused is told: $because", ({ as, name, because }) => {
    expect(mayName(as, name, only("foreign"), usual)).toEqual({ may: false, because });
  });

  it("that is one too many is told to be that, and not another's", () => {
    expect(mayName(named, "r", only("too-many"), usual)).toEqual({
      may: false,
      because: "this build has too many refs, sessions and blobs: open another one",
    });
  });
});

it("a ref may be claimed by building and by watching, a session by both ends, and nothing by asking for history", () => {
  const claimed = TABLE.filter(({ path }) => namesOf(methodOf(path)).some(({ claims }) => claims));
  expect(claimed.map(({ path }) => path).filter((path) => !path.startsWith(BRIDGE))).toEqual(
    ["Solve", "Status", "Session"].map((name) => `${CONTROL}${name}`),
  );
});
