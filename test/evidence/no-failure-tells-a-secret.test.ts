import { inspect } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { logError } from "../../agent/adapters/telemetry/log-error.ts";
import { evidenceSource } from "../../agent/cli/compose-evidence.ts";
import { AgentError } from "../../agent/core/errors.ts";
import type { MetadataFault } from "../../sandbox/metadata/faults.ts";
import { CollectedLog } from "../keys/collected-log.ts";
import { CHALLENGE, FOREVER, KEY } from "./stage/challenge.ts";
import { attestTool, Platforms } from "./stage/platforms.ts";
import { refusalOf } from "./stage/refusal.ts";
import { type AskedKind, source } from "./stage/sources.ts";

let platforms: Platforms;
beforeAll(async () => {
  platforms = await Platforms.open();
});
afterAll(() => platforms[Symbol.asyncDispose]());

const KINDS: readonly AskedKind[] = [
  "aws-caller-identity",
  "aws-instance-identity",
  "aws-web-identity",
  "azure",
  "gcp",
  "oidc-socket",
  "oidc-url",
];
const FAULTS: readonly MetadataFault[] = [
  { kind: "halved" },
  { kind: "noise" },
  { kind: "page" },
  { kind: "redirect", to: "http://127.0.0.1:1/?token=canary" },
  { kind: "reset" },
  { kind: "stale" },
  { kind: "status", status: 401 },
  { kind: "status", status: 500 },
  { kind: "truncated" },
  { kind: "type", type: "canary" },
];

/** Everything that must not be told, in each of its spellings. */
function secrets(): readonly string[] {
  const nonce = Buffer.from(CHALLENGE.nonce);
  const asked = platforms.all.flatMap((server) => server.requests());
  return [
    "canary",
    // The beginning of each JWT, and of each PKCS#7 in base64.
    "eyJ",
    "MII",
    nonce.toString("hex"),
    nonce.toString("base64url"),
    KEY.spkiSha256,
    Buffer.from(KEY.spkiSha256, "hex").toString("base64url"),
    Buffer.from(KEY.spkiDer).toString("base64").slice(0, 40),
    platforms.session.accessKeyId,
    ...asked.flatMap(({ headers, query }) => [
      ...(typeof headers["x-aws-ec2-metadata-token"] === "string" ? [headers["x-aws-ec2-metadata-token"]] : []),
      ...(headers.authorization === undefined ? [] : [headers.authorization.slice(-40)]),
      ...(query.get("nonce") === null ? [] : [String(query.get("nonce"))]),
    ]),
  ];
}

/** Some faults do not concern a kind: then there is none. */
async function failureOf(gathering: Promise<unknown>): Promise<AgentError | undefined> {
  try {
    await gathering;
    return undefined;
  } catch (failure) {
    if (failure instanceof AgentError) return failure;
    throw failure;
  }
}

/** As messages go to the control plane, as logs show them, and as somebody might inspect them. */
function told(failure: AgentError): string {
  return failure.message + JSON.stringify(logError(failure, false)) + inspect(failure, { depth: 9 });
}

it("neither in a message, nor in a log, nor in a cause", { timeout: 120_000 }, async () => {
  const words: string[] = [];
  for (const kind of KINDS) {
    const paths = new Set<string>();
    for (const server of platforms.all) server.faults.clear();
    const before = platforms.all.map((server) => server.requests().length);
    await source(kind, platforms).gather(CHALLENGE, KEY, FOREVER);
    for (const [index, server] of platforms.all.entries())
      for (const { path } of server.requests().slice(before[index])) paths.add(path);
    for (const path of paths)
      for (const fault of FAULTS) {
        for (const server of platforms.all) {
          server.faults.clear();
          server.faults.set(path, fault);
        }
        const failure = await failureOf(source(kind, platforms).gather(CHALLENGE, KEY, FOREVER));
        if (failure !== undefined) words.push(told(failure));
      }
  }
  const log = new CollectedLog();
  for (const server of platforms.all) {
    server.faults.clear();
    server.faults.set("*", { kind: "page" });
  }
  const { tokenFile: _file, oidcUrl: _url, ...places } = platforms.places;
  words.push(told(await refusalOf(evidenceSource({ kind: "auto", ...places }, log).gather(CHALLENGE, KEY, FOREVER))));
  platforms.azure.faults.clear();
  await evidenceSource({ kind: "auto", ...places }, log).gather(CHALLENGE, KEY, FOREVER);
  words.push(inspect(log.lines, { depth: 9 }));
  const nitroTpmAttest = await attestTool(platforms.folder, 'cat "$4" "$2" >&2; cat "$4" "$2"; exit 1');
  words.push(
    told(await refusalOf(evidenceSource({ kind: "nitro-tpm", nitroTpmAttest }, log).gather(CHALLENGE, KEY, FOREVER))),
  );
  expect(words.length).toBeGreaterThan(150);
  const all = words.join("\n");
  for (const secret of new Set(secrets())) expect(all).not.toContain(secret);
});
