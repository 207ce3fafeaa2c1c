import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { EXIT, isErrno, messageOf, SandboxFailure } from "../../failure.ts";
import { type AuthorityOptions, CertificateAuthority } from "../../pki/certificate-authority.ts";
import { writeWholeForGood } from "./written-whole.ts";

/**
 * `DIR/authorities/NAME.pem`: an authority's certificate and its key in one file, so that there is
 * never one without the other. Written once.
 */
export class AuthorityFiles {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = join(dir, "authorities");
    mkdirSync(this.#dir, { recursive: true, mode: 0o700 });
  }

  /** @throws {SandboxFailure} when the file is there and cannot be read as what it must be. */
  async readOrMake(name: string, options: AuthorityOptions): Promise<CertificateAuthority> {
    const path = join(this.#dir, `${name}.pem`);
    const pem = read(path);
    if (pem === undefined) {
      const made = await CertificateAuthority.create(options);
      writeWholeForGood(path, made.certPem + made.key.privateKeyPem);
      return made;
    }
    try {
      return await CertificateAuthority.fromPem(pem);
    } catch (cause) {
      const message = `${path} is damaged (${messageOf(cause)}): put a copy of it back, or move the whole directory away and start anew.`;
      throw new SandboxFailure(EXIT.badData, message, cause);
    }
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    if (isErrno(cause, "ENOENT")) return undefined;
    throw new SandboxFailure(EXIT.noInput, `Cannot read ${path}: ${messageOf(cause)}.`, cause);
  }
}
