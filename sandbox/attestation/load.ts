import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { JSONWebKeySet } from "jose";
import { parse, TomlError } from "smol-toml";
import { z } from "zod";
import { isErrno } from "../failure.ts";
import { contradictions } from "./contradictions.ts";
import { PolicyInvalid, type PolicyProblem } from "./problem.ts";
import { policySchema, type WrittenPolicy } from "./schema.ts";

const MOST_BYTES = 1024 * 1024;
const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** A policy whose every value is right, with the files that it names. */
export interface LoadedPolicy {
  readonly file: string;
  readonly written: WrittenPolicy;
  /** The certificates of a file, PEM each. */
  readonly certificates: ReadonlyMap<string, readonly string[]>;
  readonly keySets: ReadonlyMap<string, JSONWebKeySet>;
}

/**
 * Reads a policy, and all that it names on this machine. Nothing is asked over a network.
 * @throws {PolicyInvalid} with everything that is wrong.
 */
export async function loadPolicy(file: string): Promise<LoadedPolicy> {
  const text = await readWhole(file).catch((failure: unknown) => {
    throw new PolicyInvalid(file, "", [{ path: [], what: unreadable(failure) }]);
  });
  const result = policySchema.safeParse(tableOf(file, text));
  if (!result.success) throw new PolicyInvalid(file, text, result.error.issues.map(problemOf));
  const written = result.data;
  const problems: PolicyProblem[] = [...contradictions(written)];
  const certificates = new Map<string, readonly string[]>();
  const keySets = new Map<string, JSONWebKeySet>();
  for (const { path, name, holds } of filesIn(written)) {
    try {
      const content = await readWhole(resolve(dirname(file), name));
      if (holds === "certificates") certificates.set(name, certificatesIn(content));
      else keySets.set(name, keySetIn(content));
    } catch (failure) {
      problems.push({ path, what: `${JSON.stringify(name)} ${unreadable(failure)}` });
    }
  }
  if (problems.length > 0) throw new PolicyInvalid(file, text, problems);
  return { file, written, certificates, keySets };
}

function tableOf(file: string, text: string): unknown {
  try {
    return parse(text);
  } catch (failure) {
    if (!(failure instanceof TomlError)) throw failure;
    const reason = failure.message.split("\n", 1)[0]?.replace("Invalid TOML document: ", "") ?? "";
    const what = `no TOML (https://toml.io): ${reason}, at line ${failure.line}, column ${failure.column}`;
    throw new PolicyInvalid(file, text, [{ path: [], what }]);
  }
}

function problemOf({ code, path, message, ...issue }: z.core.$ZodIssue): PolicyProblem {
  if (code !== "unrecognized_keys" || !("keys" in issue) || !Array.isArray(issue.keys))
    return { path, what: code === "too_big" || message.startsWith("Invalid") ? message : `${message} is wanted` };
  const [key, ...more] = issue.keys.map(String);
  const also = more.length === 0 ? "" : `, nor ${more.join(", ")}`;
  return { path: key === undefined ? path : [...path, key], what: `there is no such key${also}` };
}

interface NamedFile {
  readonly path: readonly PropertyKey[];
  readonly name: string;
  readonly holds: "certificates" | "keys";
}

/** Every file that a policy names. */
function filesIn(written: WrittenPolicy): readonly NamedFile[] {
  const found: NamedFile[] = [];
  for (const [kind, entries] of Object.entries(written))
    for (const [index, entry] of entries.entries()) {
      if ("jwksFile" in entry && entry.jwksFile !== undefined)
        found.push({ path: [kind, index, "jwksFile"], name: entry.jwksFile, holds: "keys" });
      const lists = {
        ...("rootFiles" in entry && { rootFiles: entry.rootFiles }),
        ...("intermediateFiles" in entry && { intermediateFiles: entry.intermediateFiles }),
        ...("certificateFiles" in entry && { certificateFiles: Object.values(entry.certificateFiles).flat() }),
      };
      for (const [key, names] of Object.entries(lists))
        for (const name of names) found.push({ path: [kind, index, key], name, holds: "certificates" });
    }
  return found;
}

async function readWhole(path: string): Promise<string> {
  const bytes = await readFile(path);
  if (bytes.length > MOST_BYTES) throw new Error("is larger than 1 MiB");
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
}

function certificatesIn(text: string): readonly string[] {
  const pems = text.match(PEM) ?? [];
  if (pems.length === 0) throw new Error("holds no certificate in PEM");
  if (!pems.every(isCertificate)) throw new Error("holds a certificate that cannot be read");
  return pems;
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== undefined;
  } catch {
    return false;
  }
}

const KEY_SET = z.object({ keys: z.array(z.looseObject({ kty: z.string() })).min(1) });

function keySetIn(text: string): JSONWebKeySet {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (cause) {
    throw new Error("is no JSON, so no JWKS document", { cause });
  }
  const { success, data } = KEY_SET.safeParse(document);
  if (!success) throw new Error("is no JWKS document with keys in it");
  return data;
}

function unreadable(failure: unknown): string {
  if (isErrno(failure, "ENOENT")) return "does not exist";
  if (isErrno(failure, "EACCES")) return "may not be read by this user";
  if (isErrno(failure, "EISDIR")) return "is a directory";
  if (failure instanceof TypeError) return "holds bytes that are not UTF-8";
  return failure instanceof Error ? failure.message : String(failure);
}
