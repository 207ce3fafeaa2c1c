import { describe, expect, it } from "vitest";
import { Belongings } from "../../agent/gateway/calls/belongings.ts";

const NAMES_MAX_PER_BUILD = 4_096;
const NAMES_MAX = 200_000;

describe.each(["ref", "session"] as const)("a %s", (kind) => {
  it("belongs to whoever was first to claim it", () => {
    const all = new Belongings();
    expect(all.belongs("one", kind, "name", true)).toBe("own");
    expect(all.belongs("one", kind, "name", true)).toBe("own");
    expect(all.belongs("one", kind, "name", false)).toBe("own");
    expect(all.belongs("other", kind, "name", true)).toBe("foreign");
    expect(all.belongs("other", kind, "name", false)).toBe("foreign");
    expect(all.belongs("one", kind, "name", false)).toBe("own");
  });

  it("belongs to nobody for being asked after", () => {
    const all = new Belongings();
    expect(all.belongs("one", kind, "name", false)).toBe("unknown");
    expect(all.belongs("other", kind, "name", true)).toBe("own");
  });
});

it("a ref, a session and a blob of the same name are three things", () => {
  const all = new Belongings();
  all.belongs("one", "ref", "name", true);
  expect(all.belongs("other", "session", "name", true)).toBe("own");
  expect(all.belongs("one", "digest", "name", false)).toBe("unknown");
});

describe("a session is one, before and after a colon, as BuildKit looks it up", () => {
  it.each([
    { first: "s", later: "any:s" },
    { first: "any:s", later: "s" },
    { first: "any:s", later: "other:s" },
    { first: ":s", later: "s" },
    { first: "a:b:c", later: "x:b:c" },
    { first: "s:", later: "s:" },
    // The first as it is announced, the second as it is looked up.
    { first: "b:c", later: "a:b:c" },
    { first: "s:", later: "a:s:" },
    { first: ":", later: "a::" },
  ])("$first and $later", ({ first, later }) => {
    const all = new Belongings();
    all.belongs("one", "session", first, true);
    expect(all.belongs("other", "session", later, true)).toBe("foreign");
    expect(all.belongs("one", "session", later, true)).toBe("own");
  });

  it.each([
    { first: "s", later: "s:" },
    { first: "s", later: "s:t" },
  ])("but $first and $later are two", ({ first, later }) => {
    const all = new Belongings();
    all.belongs("one", "session", first, true);
    expect(all.belongs("other", "session", later, true)).toBe("own");
  });

  it("a ref is not", () => {
    const all = new Belongings();
    all.belongs("one", "ref", "r", true);
    expect(all.belongs("other", "ref", "any:r", true)).toBe("own");
  });
});

describe("a blob", () => {
  const blob = { digest: "sha256:1", namesMore: false };

  it("belongs to each build that was told of it, and to no other", () => {
    const all = new Belongings();
    all.isTold("one", blob);
    all.isTold("other", blob);
    expect(["one", "other", "third"].map((build) => all.belongs(build, "digest", blob.digest, false))).toEqual([
      "own",
      "own",
      "unknown",
    ]);
  });

  it("names more for the build that was told so", () => {
    const all = new Belongings();
    all.isTold("one", { ...blob, namesMore: true });
    all.isTold("other", blob);
    expect(["one", "other", "third"].map((build) => all.namesMore(build, blob.digest))).toEqual([true, false, false]);
  });
});

it("a build has so many names, and one more is nobody's", () => {
  const all = new Belongings();
  for (let name = 0; name < NAMES_MAX_PER_BUILD; name += 1)
    expect(all.belongs("one", "ref", `${name}`, true)).toBe("own");
  expect(all.belongs("one", "ref", "one more", true)).toBe("too-many");
  expect(all.belongs("one", "ref", "0", true)).toBe("own");
  expect(all.belongs("other", "ref", "one more", true)).toBe("own");
});

describe("room is made", () => {
  const BUILDS = Math.ceil(NAMES_MAX / NAMES_MAX_PER_BUILD) + 2;
  const everyBuild = Array.from({ length: BUILDS }, (_, build) => build);

  function full(): Belongings {
    const all = new Belongings();
    for (let build = 0; build < BUILDS; build += 1)
      for (let name = 0; name < NAMES_MAX_PER_BUILD; name += 1)
        all.belongs(`${build}`, "ref", `${build} ${name}`, true);
    return all;
  }
  const remembered = (all: Belongings): readonly number[] =>
    everyBuild.filter((build) => all.belongs("nobody", "ref", `${build} 0`, false) === "foreign");

  it("by forgetting whole builds, those first that named something longest ago, and no more than must be", () => {
    const all = full();
    all.belongs("0", "ref", "0 again", false);
    all.makeRoom(() => false);
    const left = remembered(all);
    expect(left).toEqual(everyBuild.slice(-left.length));
    expect(left.length * NAMES_MAX_PER_BUILD).toBeLessThanOrEqual(NAMES_MAX);
    expect((left.length + 1) * NAMES_MAX_PER_BUILD).toBeGreaterThan(NAMES_MAX);
  });

  it("never of a build that is open", () => {
    const all = full();
    all.makeRoom((build) => Number(build) < 3);
    expect(remembered(all)).toEqual(expect.arrayContaining([0, 1, 2]));
    expect(remembered(all)).not.toContain(3);
    expect(all.belongs("0", "ref", "0 7", false)).toBe("own");
  });

  it("not at all while there is some", () => {
    const all = new Belongings();
    all.belongs("one", "ref", "name", true);
    all.makeRoom(() => false);
    expect(all.belongs("one", "ref", "name", false)).toBe("own");
  });

  it("what is forgotten may be anybody's", () => {
    const all = full();
    all.makeRoom(() => false);
    expect(all.belongs("late", "ref", "0 0", true)).toBe("own");
  });
});
