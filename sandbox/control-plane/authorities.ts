import type { TrustBundle } from "../../agent/adapters/grpc/gen/builder/agent/v1/identity.ts";
import { CertificateAuthority, type CertificateWithKey } from "../pki/certificate-authority.ts";
import { CLIENT_AUTH, SERVER_AUTH } from "../pki/certificate-profile.ts";
import type { KeyPair } from "../pki/key-pair.ts";
import type { Settings } from "./options.ts";
import type { ProjectRef } from "./project-ref.ts";

/** DNS name in the control plane's own certificate. */
export const CONTROL_PLANE_NAME = "control-plane.sandbox.internal";

/**
 * One authority for each purpose, so that a certificate for one can never pass for another. All in
 * memory.
 */
export class Authorities {
  /** Signs the control plane's own certificate: the agent pins it. */
  readonly controlPlane: CertificateAuthority;
  /** Signs machines' identities: the control plane's mTLS asks for it. */
  readonly machines: CertificateAuthority;
  /** Signs what builders serve with: the build CLIs trust it. */
  readonly builders: CertificateAuthority;
  /** Signs builds' client certificates. */
  #builds: CertificateAuthority;
  /** Signed them before, and is still in the trust bundle. */
  #retiring: CertificateAuthority | undefined;
  readonly #settings: Settings;
  readonly #now: () => number;

  private constructor(
    purposes: Record<"controlPlane" | "machines" | "builders" | "builds", CertificateAuthority>,
    settings: Settings,
    now: () => number,
  ) {
    this.controlPlane = purposes.controlPlane;
    this.machines = purposes.machines;
    this.builders = purposes.builders;
    this.#builds = purposes.builds;
    this.#settings = settings;
    this.#now = now;
  }

  static async create(settings: Settings, now: () => number): Promise<Authorities> {
    const purposes = {
      controlPlane: await CertificateAuthority.create({ name: "Sandbox CA of the control plane" }),
      machines: await CertificateAuthority.create({ name: "Sandbox CA of machines" }),
      builders: await CertificateAuthority.create({ name: "Sandbox CA of builders" }),
      builds: await CertificateAuthority.create({ name: "Sandbox CA of builds" }),
    };
    return new Authorities(purposes, settings, now);
  }

  get builds(): CertificateAuthority {
    return this.#builds;
  }

  trustBundle(): TrustBundle {
    const buildCaCertificates = this.#builds.certPem + (this.#retiring?.certPem ?? "");
    return { trustDomain: this.#settings.trustDomain, buildCaCertificates };
  }

  /**
   * From now on a new authority signs builds; the old one stays trusted until `withdrawRetired`.
   */
  async rotateBuilds(): Promise<void> {
    const fresh = await CertificateAuthority.create({ name: "Sandbox CA of builds, rotated" });
    // At once: a heartbeat must not find the trust bundle half changed under the old revision.
    this.#retiring = this.#builds;
    this.#builds = fresh;
  }

  withdrawRetired(): void {
    this.#retiring = undefined;
  }

  /** What the control plane itself serves with. */
  ownCertificate(): Promise<CertificateWithKey> {
    return this.controlPlane.issue({
      name: CONTROL_PLANE_NAME,
      dnsSans: [CONTROL_PLANE_NAME, "localhost"],
      ipSans: ["127.0.0.1", "::1"],
      extendedKeyUsage: [SERVER_AUTH],
      notAfter: new Date(Date.now() + 24 * 60 * 60_000),
    });
  }

  /** PEM chain of a machine's identity. @throws {SigningRequestInvalid} */
  async machineChain(machineId: string, csrDer: Uint8Array): Promise<string> {
    const issued = await this.machines.certify(
      { csrDer },
      {
        name: machineId,
        uriSans: [`spiffe://${this.#settings.trustDomain}/machine/${machineId}`],
        extendedKeyUsage: [CLIENT_AUTH],
        ...this.#validity(this.#settings.machineCertificateLifetimeMs),
      },
    );
    return issued.chainPem;
  }

  /**
   * PEM chain of what a machine's gateway serves with: its DNS name only, as in production. @throws
   * {SigningRequestInvalid}
   */
  async servingChain(serverName: string, csrDer: Uint8Array): Promise<string> {
    const issued = await this.builders.certify(
      { csrDer },
      {
        name: serverName,
        dnsSans: [serverName],
        extendedKeyUsage: [SERVER_AUTH],
        ...this.#validity(this.#settings.servingCertificateLifetimeMs),
      },
    );
    return issued.chainPem;
  }

  /** A build's client certificate. It ends with the grant, or within the second after it. */
  build(
    ref: ProjectRef & { readonly buildId: string },
    expiresAtMs: number,
    key?: KeyPair,
  ): Promise<CertificateWithKey> {
    return this.#builds.issue({
      name: ref.buildId,
      uriSans: [`spiffe://${this.#settings.trustDomain}/org/${ref.org}/project/${ref.project}/build/${ref.buildId}`],
      extendedKeyUsage: [CLIENT_AUTH],
      notAfter: atWholeSecond(expiresAtMs),
      ...(key === undefined ? {} : { key }),
    });
  }

  #validity(lifetimeMs: number): { readonly notBefore: Date; readonly notAfter: Date } {
    return { notBefore: new Date(this.#now()), notAfter: atWholeSecond(this.#now() + lifetimeMs) };
  }
}

/** Certificates cut off milliseconds: round up, so that none ends before it should. */
function atWholeSecond(ms: number): Date {
  return new Date(Math.ceil(ms / 1_000) * 1_000);
}
