import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { attest } from "./attest.ts";

/**
 * Stands in for nitro-tpm-attest, with its documented flags. Source: the EC2 user guide, "Get the
 * NitroTPM Attestation Document". `--authority` is ours: the keys that it signs with.
 */
const { values } = parseArgs({
  options: {
    authority: { type: "string", default: "" },
    nonce: { type: "string" },
    "public-key": { type: "string" },
    "user-data": { type: "string" },
  },
});
const given = async (file: string | undefined): Promise<Uint8Array | null> =>
  file === undefined ? null : new Uint8Array(await readFile(file));
const [authority, nonce, publicKey, userData] = await Promise.all([
  readFile(values.authority, "utf8"),
  given(values.nonce),
  given(values["public-key"]),
  given(values["user-data"]),
]);
process.stdout.write(attest(authority, { nonce, publicKey, userData }));
