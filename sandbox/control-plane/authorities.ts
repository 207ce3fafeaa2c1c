import { randomBytes } from "node:crypto";
import { isIP } from "node:net";
import type { TrustBundle } from "../../agent/adapters/grpc/gen/builder/agent/v1/identity.ts";
import type { CertificateAuthority, CertificateWithKey } from "../pki/certificate-authority.ts";
import { CLIENT_AUTH, SERVER_AUTH } from "../pki/certificate-profile.ts";
import type { Commits } from "./kept/commits.ts";
import type { Keeper } from "./kept/keeper.ts";
import type { Snapshot } from "./kept/snapshot.ts";
import type { Settings } from "./options.ts";
import type { ProjectRef } from "./project-ref.ts";

/** DNS name in the control plane's own certificate. */
export const CONTROL_PLANE_NAME = "control-plane.sandbox.internal";

/** Contract: machines' clocks may differ by this much. */
const TOLERATED_SKEW_MS = 5 * 60_000;

/** An authority under the name by which it is kept. */
interface Named {
  readonly name: string;
  readonly authority: CertificateAuthority;
}

interface Purposes {
  readonly controlPlane: CertificateAuthority;
  readonly machines: CertificateAuthority;
  readonly builders: CertificateAuthority;
  readonly builds: Named;
  readonly retiring: Named | undefined;
}

/** One authority for each purpose, so that a certificate for one can never pass for another. */
export class Authorities {
  /** Signs the control plane's own certificate: the agent pins it. */
  readonly controlPlane: CertificateAuthority;
  /** Signs what builders serve with: the build CLIs trust it. */
  readonly builders: CertificateAuthority;
  #machines: CertificateAuthority;
  /** Signs builds' client certificates. */
  #builds: Named;
  /** Signed them before, and is still in the trust bundle. */
  #retiring: Named | undefined;
  readonly #keeper: Keeper;
  readonly #settings: Settings;
  readonly #now: () => number;

  private constructor(purposes: Purposes, keeper: Keeper, settings: Settings, now: () => number) {
    this.controlPlane = purposes.controlPlane;
    this.#machines = purposes.machines;
    this.builders = purposes.builders;
    this.#builds = purposes.builds;
    this.#retiring = purposes.retiring;
    this.#keeper = keeper;
    this.#settings = settings;
    this.#now = now;
  }

  /** Those that are kept; what is missing is made. */
  static async open(keeper: Keeper, settings: Settings, now: () => number): Promise<Authorities> {
    const validForMs = settings.authorityLifetimeMs;
    const named = async (name: string, subject: string): Promise<Named> => {
      const recalled = await keeper.recallAuthority(name);
      return { name, authority: recalled ?? (await keeper.makeAuthority(name, { name: subject, validForMs })) };
    };
    const { builds = "builds", retiring } = keeper.recalled ?? {};
    const purposes = {
      controlPlane: (await named("control-plane", "Sandbox CA of the control plane")).authority,
      machines: (await named("machines", "Sandbox CA of machines")).authority,
      builders: (await named("builders", "Sandbox CA of builders")).authority,
      builds: await named(builds, "Sandbox CA of builds"),
      retiring: retiring === undefined ? undefined : await named(retiring, "Sandbox CA of builds"),
    };
    return new Authorities(purposes, keeper, settings, now);
  }

  /** Signs machines' identities: the control plane's mTLS asks for it. */
  get machines(): CertificateAuthority {
    return this.#machines;
  }

  /** From now on `fresh` signs machines. A restart goes back to the one that is kept. */
  replaceMachines(fresh: CertificateAuthority): void {
    this.#machines = fresh;
  }

  get builds(): CertificateAuthority {
    return this.#builds.authority;
  }

  kept(): Pick<Snapshot, "builds" | "retiring"> {
    return { builds: this.#builds.name, ...(this.#retiring !== undefined && { retiring: this.#retiring.name }) };
  }

  trustBundle(): TrustBundle {
    const buildCaCertificates = this.builds.certPem + (this.#retiring?.authority.certPem ?? "");
    return { trustDomain: this.#settings.trustDomain, buildCaCertificates };
  }

  /** A further authority for builds, which signs nothing yet. */
  async prepareBuilds(): Promise<Named> {
    const name = `builds-${randomBytes(5).toString("hex")}`;
    const options = { name: "Sandbox CA of builds, rotated", validForMs: this.#settings.authorityLifetimeMs };
    return { name, authority: await this.#keeper.makeAuthority(name, options) };
  }

  /** From now on `fresh` signs builds; the old one stays trusted until `withdrawRetired`. */
  rotateBuilds(fresh: Named, commits: Commits): void {
    this.#replace({ builds: fresh, retiring: this.#builds }, commits);
  }

  /** Whether an authority that signs no more is still trusted. */
  get isRotating(): boolean {
    return this.#retiring !== undefined;
  }

  withdrawRetired(commits: Commits): void {
    this.#replace({ builds: this.#builds, retiring: undefined }, commits);
  }

  /** What the control plane itself serves with. */
  ownCertificate(): Promise<CertificateWithKey> {
    const { names, authorityLifetimeMs } = this.#settings;
    return this.controlPlane.issue({
      name: CONTROL_PLANE_NAME,
      dnsSans: [CONTROL_PLANE_NAME, "localhost", ...names.filter((name) => isIP(name) === 0)],
      ipSans: ["127.0.0.1", "::1", ...names.filter((name) => isIP(name) !== 0)],
      extendedKeyUsage: [SERVER_AUTH],
      notAfter: atWholeSecond(Math.min(Date.now() + authorityLifetimeMs, this.controlPlane.notAfterMs)),
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
        ...this.#validity(this.machines, this.#now() + this.#settings.machineCertificateLifetimeMs),
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
        ...this.#validity(this.builders, this.#now() + this.#settings.servingCertificateLifetimeMs),
      },
    );
    return issued.chainPem;
  }

  /**
   * PEM chain of a build's client certificate. It ends with the grant, or within the second after
   * it.
   */
  async build(
    ref: ProjectRef & { readonly buildId: string },
    expiresAtMs: number,
    spkiDer: Uint8Array,
  ): Promise<string> {
    const issued = await this.builds.certify(
      { spkiDer },
      {
        name: ref.buildId,
        uriSans: [`spiffe://${this.#settings.trustDomain}/org/${ref.org}/project/${ref.project}/build/${ref.buildId}`],
        extendedKeyUsage: [CLIENT_AUTH],
        ...this.#validity(this.builds, expiresAtMs),
      },
    );
    return issued.chainPem;
  }

  #replace({ builds, retiring }: Pick<Purposes, "builds" | "retiring">, commits: Commits): void {
    const before = { builds: this.#builds, retiring: this.#retiring };
    const become = (next: Pick<Purposes, "builds" | "retiring">): void => {
      this.#builds = next.builds;
      this.#retiring = next.retiring;
    };
    commits.make({ apply: () => become({ builds, retiring }), undo: () => become(before) });
  }

  /** Good for clocks that differ, and never for longer than its authority. */
  #validity(authority: CertificateAuthority, untilMs: number): { readonly notBefore: Date; readonly notAfter: Date } {
    return {
      notBefore: new Date(this.#now() - TOLERATED_SKEW_MS),
      notAfter: atWholeSecond(Math.min(untilMs, authority.notAfterMs)),
    };
  }
}

/** Certificates cut off milliseconds: round up, so that none ends before it should. */
function atWholeSecond(ms: number): Date {
  return new Date(Math.ceil(ms / 1_000) * 1_000);
}
