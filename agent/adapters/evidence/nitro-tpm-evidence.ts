import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { AgentError } from "../../core/errors.ts";
import { programEnvironment } from "../../core/program-environment.ts";
import { Secret } from "../../core/secret.ts";
import type { EvidenceSource } from "../../ports/evidence.ts";
import { type Bounded, Budget } from "./metadata/budget.ts";
import { noEvidence } from "./no-evidence.ts";

export interface NitroTpmTool {
  /** nitro-tpm-attest, of the package aws-nitro-tpm-tools. */
  readonly nitroTpmAttest: string;
}

/** A document has some 5 KiB. */
const DOCUMENT_MAX_BYTES = 64 * 1024;
/** RFC 9052, 4.2: COSE_Sign1 is an array of four, with its tag or without. */
const COSE_SIGN1_STARTS = new Set([0xd2, 0x84]);

/**
 * An attestation document of the NitroTPM, with the nonce and the key in it. It proves which image
 * runs. Source: the EC2 user guide, "Get the NitroTPM Attestation Document".
 */
export function nitroTpmEvidence(options: NitroTpmTool & Bounded): EvidenceSource {
  return {
    kind: "nitro-tpm",
    async gather({ nonce }, { spkiDer }, signal) {
      using budget = new Budget(options, signal);
      await using folder = await scratchFolder();
      const [nonceFile, keyFile] = [join(folder.path, "nonce"), join(folder.path, "key.der")];
      await Promise.all([writeFile(nonceFile, nonce), writeFile(keyFile, spkiDer)]);
      const args = ["--nonce", nonceFile, "--public-key", keyFile];
      const document = await outputOf(options.nitroTpmAttest, args, budget);
      if (!COSE_SIGN1_STARTS.has(document[0] ?? 0))
        throw noEvidence(`${options.nitroTpmAttest} wrote something that is no attestation document`);
      if (!holds(document, nonce) || !holds(document, spkiDer))
        throw noEvidence(`${options.nitroTpmAttest} wrote a document that is not bound to this challenge and key`);
      return { kind: "nitro-tpm", document: new Secret<Uint8Array>(document) };
    },
  };
}

function holds(document: Buffer, bytes: Uint8Array): boolean {
  return document.includes(Buffer.from(bytes));
}

/** This user's alone. */
async function scratchFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), "builder-agent-attest-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/**
 * What the program writes, whole. It is killed with the budget. What it says of a failure is not
 * repeated.
 */
async function outputOf(program: string, args: readonly string[], budget: Budget): Promise<Buffer> {
  budget.signal.throwIfAborted();
  const child = spawn(program, args, {
    env: programEnvironment(process.env["PATH"]),
    stdio: ["ignore", "pipe", "ignore"],
    signal: budget.signal,
    killSignal: "SIGKILL",
  });
  const ended = new Promise<number | NodeJS.Signals>((resolve, reject) => {
    child.on("error", reject);
    child.once("close", (code, signal) => resolve(signal ?? code ?? -1));
  });
  try {
    const [end, document] = await Promise.all([ended, bounded(child.stdout, program, () => child.kill("SIGKILL"))]);
    if (end === 0) return document;
    throw noEvidence(`${program} ended with ${end}: has this instance a NitroTPM, and may the agent use /dev/tpmrm0?`);
  } catch (cause) {
    if (cause instanceof AgentError) throw cause;
    if (budget.hasExpired)
      throw noEvidence(`${program} did not end within the ${budget.ms / 1_000} s that there are`, { cause });
    budget.signal.throwIfAborted();
    throw noEvidence(`${program} cannot be run: install aws-nitro-tpm-tools, or set identity.nitroTpmAttest`, {
      retryable: false,
      cause,
    });
  }
}

async function bounded(stdout: Readable, program: string, kill: () => void): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of stdout as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > DOCUMENT_MAX_BYTES) {
      kill();
      throw noEvidence(`${program} wrote more than ${DOCUMENT_MAX_BYTES / 1024} KiB, which is no attestation document`);
    }
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}
