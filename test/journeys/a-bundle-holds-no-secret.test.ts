import { randomBytes } from "node:crypto";
import { appendFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, it, vi } from "vitest";
import type { TempDir } from "../../sandbox/stack/temp-dir.ts";
import { bundle } from "../bundle/bundle-command.ts";
import { folderOfOwn, unpacked } from "../bundle/unpacked.ts";
import { writtenIn } from "../bundle/written-in.ts";
import { canary, needlesOf } from "./stage/canary.ts";
import { filesBelow } from "./stage/haystack.ts";
import { REF } from "./stage/set-up.ts";
import { Stage } from "./stage/stage.ts";
import { needsStage } from "./stage/whether.ts";

needsStage();
afterEach(() => {
  vi.unstubAllEnvs();
});

function bundleArguments(stage: Stage, into: TempDir): readonly string[] {
  return ["--config", join(stage.workDir, "agent.toml"), "--output", join(into.path, "b.tar.gz")];
}

it("of the real agent no secret is in its bundle, in no form, even where a log has it", {
  timeout: 120_000,
}, async () => {
  const [inProxy, inEnvironment, inArguments, ownEnvironment] = ["proxy", "environment", "arguments", "own"].map(
    canary,
  );
  vi.stubEnv("HTTPS_PROXY", `http://bob:${encodeURIComponent(inProxy ?? "")}@proxy.invalid:3128`);
  vi.stubEnv("SOME_API_TOKEN", inEnvironment);
  await using stage = await Stage.up({ logLevel: "debug" });
  const [authKey, ownKey, earlierKey] = [canary("auth"), randomBytes(64), canary("earlier")];
  for (const key of [earlierKey, authKey])
    await stage.plane
      .wish(REF, {
        cacheVolume: { volumeId: "v-1", device: "", key: { $case: "rawKey", value: ownKey }, filesystem: "" },
        tailnet: {
          ...{
            grantId: key.slice(0, 4),
            coordinationUrl: "",
            apiUrl: "",
            tags: [],
            acceptRoutes: false,
            required: false,
          },
          credential: { $case: "authKey", value: key },
        },
      })
      .applied();
  const build = await stage.openBuild();
  const buildSecret = randomBytes(24).toString("hex");
  const failing = [
    "FROM scratch",
    "COPY busybox /bin/busybox",
    `RUN ["/bin/busybox", "sh", "-c", "exit 7 # ${buildSecret}"]`,
  ];
  const { client } = await stage.build(build, failing);
  expect((await client.ended).exitCode).not.toBe(0);
  const { keyPem } = JSON.parse(await readFile(stage.identityFile, "utf8")) as { readonly keyPem: string };
  const token = (await readFile(stage.tokenFile, "utf8")).trim();
  const held = [inProxy, inEnvironment, authKey, earlierKey, token, keyPem, ownKey, inArguments, ownEnvironment].map(
    (secret) => secret ?? "",
  );
  const forms = [...held, ...keyPem.split("\n")].flatMap(writtenIn);
  await appendFile(stage.log.file, forms.map((form) => `tool: ~${form}~ and so on\n`).join(""));

  await using folder = await folderOfOwn();
  await using programs = await folderOfOwn();
  const args = [
    ...bundleArguments(stage, folder),
    "--identity-oidc-url",
    `https://issuer.invalid/?token=${encodeURIComponent(inArguments ?? "")}`,
  ];
  const { code, out, err } = await bundle(programs, args, { OWN_PASSWORD: ownEnvironment ?? "" });
  expect({ code, err: err.replace(/peak \d+$/, "") }).toEqual({ code: 0, err: "" });
  const files = await unpacked(join(folder.path, "b.tar.gz"), folder.path);

  // A part of each is enough to be wrong.
  const needles = [...held.flatMap(needlesOf), buildSecret];
  const where = (texts: ReadonlyMap<string, string>) =>
    needles.filter((needle) => [...texts.values()].some((text) => text.includes(needle)));
  const theLog = await readFile(stage.log.file, "latin1");
  // All of it was there to be found; the build's own secret only in what BuildKit logged.
  expect(where(new Map([["agent.log", theLog]])).length).toBe(needles.length);
  expect(where(files)).toEqual([]);
  expect(
    where(
      new Map([
        ["out", out],
        ["err", err],
      ]),
    ),
  ).toEqual([]);
  // And it is a bundle, not an empty folder.
  expect(files.get("logs/launcher/9999.log")).toContain("desired-state.accepted");
  expect(files.get("logs/launcher/9999.log")).toMatch(/tool: ~\[redacted: value\]/);
  expect(files.get("status.json")).toContain('"ready": true');
  expect(files.get("buildkit/disk-usage.json")).toContain('"records"');
  expect(files.get("config.json")).toContain("drain.graceMs");
  expect(files.get("buildkit/goroutines.txt")).toMatch(/^goroutine \d+ \[/m);
  expect(files.get("buildkit/metrics.txt")).toContain("# HELP");
  expect(files.get("files.txt")).toMatch(/^s0660 0:0 .*\/buildkit\/private\/debug.sock$/m);
  expect(files.get("files.txt")).toMatch(/^d0700 0:0 .*\/buildkit\/private$/m);
  const marker = /BUG-\S+-[0-9a-f]{16}/.exec(out)?.[0];
  expect(files.get("manifest.json")).toContain(marker);
  expect(await stage.log.last("bundle.made", ({ data }) => data["marker"] === marker)).toBeDefined();
  expect(files.get("errors.txt")).not.toMatch(/^(status|checks|tasks|metrics|buildkit\/(workers|disk))/m);
  // What is kept to search by does not hold them either.
  const digests = await filesBelow(stage.runtimeDir, [stage.tokenFile, stage.identityFile]);
  expect([...digests.keys()].filter((name) => name.endsWith("secret-digests.json"))).toHaveLength(2);
  expect(where(digests)).toEqual([]);
});
