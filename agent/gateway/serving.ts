import { AgentError } from "../core/errors.ts";
import type { CertificateReader, KeyMaker, PrivateKey, SigningRequest } from "../ports/keys.ts";

/** What the far side of a request may put into the certificate, or not: it decides every name. */
const COMMON_NAME = "builder-gateway";

/** What we show to clients. */
export interface ServingCertificate {
  readonly key: PrivateKey;
  readonly chainPem: string;
  readonly notAfterMs: number;
}

/**
 * The gateway's own keys and certificate. The private key stays in this object and in the TLS
 * stack.
 */
export class Serving {
  readonly #keys: KeyMaker;
  readonly #certificates: CertificateReader;
  #newest: { readonly key: PrivateKey; readonly request: SigningRequest };
  #certificate: ServingCertificate | undefined;
  #rotating = false;

  private constructor(
    keys: KeyMaker,
    certificates: CertificateReader,
    first: { readonly key: PrivateKey; readonly request: SigningRequest },
  ) {
    this.#keys = keys;
    this.#certificates = certificates;
    this.#newest = first;
  }

  static async begin(keys: KeyMaker, certificates: CertificateReader): Promise<Serving> {
    return new Serving(keys, certificates, await freshKey(keys));
  }

  /** For the newest key, certified or not. */
  get request(): SigningRequest {
    return this.#newest.request;
  }

  get certificate(): ServingCertificate | undefined {
    return this.#certificate;
  }

  /**
   * Begins to make a fresh key; one `then` follows, or one `failed`. Asked again before that, it
   * does nothing more: the key that is under way is fresh enough. The old certificate serves until
   * the new key has one, and may be renewed until then.
   */
  rotate(then: (request: SigningRequest) => void, failed: (failure: unknown) => void): void {
    if (this.#rotating) return;
    this.#rotating = true;
    void this.#rotated().then(then, failed);
  }

  async #rotated(): Promise<SigningRequest> {
    try {
      this.#newest = await freshKey(this.#keys);
      return this.#newest.request;
    } finally {
      this.#rotating = false;
    }
  }

  /**
   * Takes a chain for the newest key, or a renewed one for the key in use. What was in use stays if
   * this throws.
   * @throws {AgentError} "gateway.certificate-for-another-key", "identity.certificate-unusable"
   */
  certify(keySpkiSha256: string, chainPem: string): ServingCertificate {
    const key = [this.#newest.key, this.#certificate?.key].find((mine) => mine?.spkiSha256 === keySpkiSha256);
    if (key === undefined)
      throw new AgentError(
        "gateway.certificate-for-another-key",
        `The serving certificate is for key ${keySpkiSha256}, which this gateway does not hold; certify its present request`,
        { retryable: false },
      );
    const { notAfterMs } = this.#certificates.read(chainPem, key);
    this.#certificate = { key, chainPem, notAfterMs };
    return this.#certificate;
  }
}

async function freshKey(keys: KeyMaker): Promise<{ readonly key: PrivateKey; readonly request: SigningRequest }> {
  const key = await keys.make();
  return { key, request: await key.request(COMMON_NAME) };
}
