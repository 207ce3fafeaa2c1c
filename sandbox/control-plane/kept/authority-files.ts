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

  async make(name: string, options: AuthorityOptions): Promise<CertificateAuthority> {
    const made = await CertificateAuthority.create(options);
    writeWholeForGood(this.#path(name), made.certPem + made.key.privateKeyPem);
    return made;
  }

  /**
   * Undefined: there is none.
   * @throws {SandboxFailure} when it cannot be read as what it must be, or must be there and is
   * not.
   */
  async recall(name: string, mustBeThere: boolean): Promise<CertificateAuthority | undefined> {
    const path = this.#path(name);
    const pem = read(path);
    if (pem === undefined && !mustBeThere) return undefined;
    try {
      if (pem === undefined) throw new Error("it is not there");
      return await CertificateAuthority.fromPem(pem);
    } catch (cause) {
      const message = `${path} is damaged (${messageOf(cause)}): put a copy of it back, or move the whole directory away and start anew.`;
      throw new SandboxFailure(EXIT.badData, message, cause);
    }
  }

  #path(name: string): string {
    return join(this.#dir, `${name}.pem`);
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
