import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { configJsonSchema } from "../../agent/cli/config/json-schema.ts";
import { surroundings } from "../../agent/cli/surroundings.ts";
import { TempDir } from "../../sandbox/stack/temp-dir.ts";
import { load } from "./load.ts";

let dir: TempDir;
beforeEach(async () => {
  dir = await TempDir.make("/tmp/check-");
  for (const name of ["buildkitd", "runc", "bbolt", "tailscaled"]) await program(name);
  await mkdir(join(dir.path, "cni"));
  for (const plugin of ["ptp", "loopback"]) await program(`cni/${plugin}`);
  await writeFile(join(dir.path, "token"), "secret");
});
afterEach(() => dir[Symbol.asyncDispose]());

async function program(name: string): Promise<void> {
  await writeFile(join(dir.path, name), "");
  await chmod(join(dir.path, name), 0o755);
}

const at = (name: string): string => join(dir.path, name);
async function look(flags: Readonly<Record<string, string>>) {
  const whole = {
    "--identity-token-file": at("token"),
    "--buildkit-binary": at("buildkitd"),
    "--buildkit-runc": at("runc"),
    "--buildkit-bbolt": at("bbolt"),
    "--buildkit-cni-binary-dir": at("cni"),
    "--tailnet-binary": at("tailscaled"),
    "--network-mode": "none",
    ...flags,
  };
  return (await surroundings(await load({ flags: whole }), {})).map(({ key, state, found }) => [key, state, found]);
}

it("has nothing to say where all is there", async () => {
  expect(await look({})).toEqual([]);
});

it.each([
  { flag: "--buildkit-binary", value: "/nope/buildkitd", state: "fails" },
  { flag: "--buildkit-runc", value: "no-such-runc", state: "fails" },
  { flag: "--buildkit-bbolt", value: "/etc/passwd", state: "fails" },
  { flag: "--tailnet-binary", value: "no-such-tailscaled", state: "warns" },
  { flag: "--identity-token-file", value: "/nope/token", state: "warns" },
  { flag: "--tailnet-identity-token-file", value: "/nope/token", state: "warns" },
  { flag: "--cache-volume-device", value: "/dev/disk/by-id/nope", state: "warns" },
])("$state: $flag $value", async ({ flag, value, state }) => {
  const [found, ...more] = await look({ [flag]: value });
  expect(more).toEqual([]);
  expect(found?.[1]).toBe(state);
  expect(found?.[2]).toContain(`"${value}", which is`);
});

it("misses a plugin of the network only where builds have one", async () => {
  const flags = { "--buildkit-cni-binary-dir": "/nope" };
  expect(await look(flags)).toEqual([]);
  const bridged = await look({ ...flags, "--network-mode": "bridge" });
  expect(bridged.filter(([key]) => key === "buildkit.cniBinaryDir")).toHaveLength(2);
});

it("sees that a token's file is empty", async () => {
  await writeFile(at("token"), "");
  expect(await look({})).toEqual([["identity.tokenFile", "warns", `"${at("token")}", which is empty`]]);
});

it.each([
  { text: "10m", ms: 600_000 },
  { text: "90s", ms: 90_000 },
  { text: "1h30m", ms: 5_400_000 },
  { text: "1.5 h", ms: 5_400_000 },
  { text: "250ms", ms: 250 },
  { text: "600", ms: 600 },
])("takes a time with its unit where milliseconds are: $text", async ({ text, ms }) => {
  const flag = await load({ flags: { "--drain-grace-ms": text } });
  const variable = await load({ environment: { BUILDER_AGENT_DRAIN_GRACE_MS: text } });
  expect([flag.config.drain.graceMs, variable.config.drain.graceMs]).toEqual([ms, ms]);
});

it.each(["10", "10 minutes", "m", "-5s", "1e3s", "10m x", ""])(
  "refuses %j as a time of the file, and says what one looks like",
  async (text) => {
    const file = at("config.toml");
    await writeFile(file, `[drain]\ngraceMs = ${JSON.stringify(text)}\n`);
    const problems = await load({ file }).catch((failure: unknown) => failure);
    expect(problems).toMatchObject({
      problems: [
        { key: "drain.graceMs", source: { line: 2 }, expected: expect.stringContaining('"90s" or "10m"') as unknown },
      ],
    });
  },
);

it("doubts a bare number that comes to less than a second, and no other", async () => {
  const doubts = async (flags: Record<string, string>) => (await load({ flags })).doubts;
  expect(await doubts({ "--drain-grace-ms": "600" })).toEqual([
    {
      key: "drain.graceMs",
      source: { from: "flag", flag: "--drain-grace-ms" },
      found: "600, which is 0.6 s",
      expected: '"600ms" where that is meant, or "600s"',
    },
  ]);
  for (const text of ["600ms", "0", "1000", "10m"]) expect(await doubts({ "--drain-grace-ms": text })).toEqual([]);
});

it("lets editors write both", () => {
  const { properties } = configJsonSchema() as { properties: Record<string, { properties: Record<string, unknown> }> };
  expect(properties["drain"]?.properties["graceMs"]).toMatchObject({
    default: 600_000,
    anyOf: [{ type: "integer", maximum: 86_400_000 }, { type: "string" }],
  });
});
