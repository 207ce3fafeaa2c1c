import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DAY_MS, NOW_MS } from "../authorities/clock.ts";
import type { OpenSsl } from "./openssl.ts";

/** What openssl names as an algorithm, and its parameter. */
export const KINDS = {
  rsa2048: ["RSA", "rsa_keygen_bits:2048"],
  rsa1024: ["RSA", "rsa_keygen_bits:1024"],
  p256: ["EC", "ec_paramgen_curve:P-256"],
  p384: ["EC", "ec_paramgen_curve:P-384"],
} as const;

export interface Holder {
  /** Paths of PEM files. */
  readonly key: string;
  readonly certificate: string;
  readonly pem: string;
  readonly der: Uint8Array;
}

export interface Wishes {
  /** As openssl writes it: /CN=name. */
  readonly subject: string;
  /** The path of its key. */
  readonly key: string;
  /** Undefined: it signs itself. */
  readonly issuer?: Pick<Holder, "key" | "certificate">;
  /** Lines of openssl's configuration. */
  readonly extensions?: readonly string[];
  readonly startMs?: number;
  readonly endMs?: number;
  readonly digest?: string;
  /** Hexadecimal. */
  readonly serial?: string;
}

export async function makeKey(openssl: OpenSsl, kind: keyof typeof KINDS): Promise<string> {
  const [algorithm, parameter] = KINDS[kind];
  return openssl.file(await openssl.run(["genpkey", "-algorithm", algorithm, "-pkeyopt", parameter]));
}

let serials = 0;

/** By `openssl ca`, which sets any time; each certificate has a database of its own. */
export async function certify(openssl: OpenSsl, wishes: Wishes): Promise<Holder> {
  const { subject, key, issuer, extensions = [], digest = "sha256" } = wishes;
  serials += 1;
  const folder = join(openssl.folder, `ca-${serials}`);
  await mkdir(folder);
  await Promise.all([
    writeFile(join(folder, "index"), ""),
    writeFile(join(folder, "serial"), `${wishes.serial ?? (0x100000 + serials).toString(16)}\n`),
    writeFile(join(folder, "config"), CONFIGURATION.replaceAll("FOLDER", folder)),
    writeFile(join(folder, "extensions"), `${["[extensions]", ...extensions].join("\n")}\n`),
  ]);
  const request = await openssl.file(await openssl.run(["req", "-new", "-key", key, "-subj", subject]));
  const signer =
    issuer === undefined ? ["-selfsign", "-keyfile", key] : ["-cert", issuer.certificate, "-keyfile", issuer.key];
  const times = [
    "-startdate",
    time(wishes.startMs ?? NOW_MS - 30 * DAY_MS),
    "-enddate",
    time(wishes.endMs ?? NOW_MS + 30 * DAY_MS),
  ];
  const pem = await openssl.output([
    ...["ca", "-batch", "-notext", "-config", join(folder, "config"), "-in", request, "-md", digest],
    ...["-extfile", join(folder, "extensions"), "-extensions", "extensions", ...signer, ...times],
  ]);
  const certificate = await openssl.file(pem);
  return { key, certificate, pem: pem.toString(), der: await openssl.run(["x509", "-outform", "DER"], pem) };
}

const CONFIGURATION = `
[ca]
default_ca = here
[here]
database = FOLDER/index
serial = FOLDER/serial
new_certs_dir = FOLDER
policy = any
unique_subject = no
[any]
commonName = optional
organizationName = optional
`;

function time(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replaceAll(/[-:T]/g, "")}Z`;
}
