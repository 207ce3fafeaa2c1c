import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { z } from "zod";
import { digestsOf, type SecretDigests } from "../../adapters/bundle/secret-digests.ts";
import { keptDigests, secretTexts } from "../../adapters/bundle/secret-files.ts";
import { secretsInUrls, secretsOfProcess } from "../../core/bundle/own-secrets.ts";
import type { Config } from "../config/config.ts";
import type { Layout } from "../layout.ts";
import type { ConfigOrProblem } from "./places.ts";

/** Where systemd has credentials, for everybody and for control alone. */
const CREDENTIALS = [
  ...["join-token", "oidc-token"].flatMap((name) => [`/etc/credstore/${name}`, `/run/credstore/${name}`]),
  "/run/credentials/builder-agent-control.service",
];

/**
 * A unit sees what it was given, and never where that came from: what else lies there has not been
 * in its hands.
 */
function credentials(environment: SecretSources["environment"]): readonly string[] {
  const given = environment["CREDENTIALS_DIRECTORY"];
  return given === undefined || given === "" ? CREDENTIALS : [given];
}

const KEY_BYTES = 32;

export interface SearchedSecrets {
  readonly secrets: readonly SecretDigests[];
  /** Why a secret may be missing; absent: none is. */
  readonly unsearchable?: string;
  /** As the control plane named it; absent where this machine has not registered. */
  readonly machineId?: string;
}

export interface SecretSources {
  readonly layout: Layout;
  readonly config: ConfigOrProblem;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/**
 * What a bundle searches for: the secrets of this process, of the files that hold some, and, as
 * digests, those of the agent's processes (docs/decisions/0056).
 */
export async function searchedSecrets({ layout, config, args, environment }: SecretSources): Promise<SearchedSecrets> {
  const identityFile = join(layout.identityDir, "identity.json");
  const files = [...("problem" in config ? [] : tokenFiles(config.config)), ...credentials(environment)];
  const headersFile = "problem" in config ? undefined : config.config.telemetry.headersFile;
  const [texts, headers, identity, kept] = await Promise.all([
    secretTexts([...new Set(files)]),
    secretTexts(headersFile === undefined ? [] : [headersFile]),
    secretTexts([identityFile]),
    keptDigests([layout.controlSecrets, layout.gatewaySecrets]),
  ]);
  const { keyPem, machineId } = identityOf(identity.found[0] ?? "");
  const configured =
    "problem" in config ? [] : Object.values(config.config).flatMap((section) => secretsInUrls(textsOf(section)));
  const held = [
    ...secretsOfProcess(args, environment),
    ...configured,
    ...texts.found,
    ...headers.found.flatMap(headerValues),
    ...keyPem,
  ];
  const key = randomBytes(KEY_BYTES);
  const own = { key, digests: held.flatMap((secret) => digestsOf(secret, key)) };
  const unread = [...texts.unread, ...headers.unread, ...identity.unread, ...kept.unread];
  return {
    secrets: [own, ...kept.found],
    ...(unread.length > 0 && {
      unsearchable: `What must not be in it could not be read, as root can: ${unread.join("; ")}`,
    }),
    ...(machineId !== undefined && { machineId }),
  };
}

/** Of a section: a text a line. */
function textsOf(section: object): string {
  return Object.values(section)
    .filter((value) => typeof value === "string")
    .join("\n");
}

function tokenFiles({ identity, tailnet }: Pick<Config, "identity" | "tailnet">): readonly string[] {
  const token = "tokenFile" in identity ? identity.tokenFile : undefined;
  return [token, tailnet.identityTokenFile].filter((file) => file !== undefined);
}

/** "Name: scheme token", a line each: the value, and the token alone. */
function headerValues(text: string): readonly string[] {
  const values = text.split("\n").map((line) => line.replace(/^[^:]*:/, "").trim());
  return values.flatMap((value) => [value, value.split(" ").at(-1) ?? ""]).filter((value) => value !== "");
}

const Identity = z.object({ keyPem: z.string(), machineId: z.string() });

function identityOf(text: string): { readonly keyPem: readonly string[]; readonly machineId?: string } {
  try {
    const { keyPem, machineId } = Identity.parse(JSON.parse(text));
    return { keyPem: [keyPem], machineId };
  } catch {
    // There is none, or it is damaged, and then as a whole no key.
    return { keyPem: [] };
  }
}
