import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { evidenceSource } from "../../../agent/cli/compose-evidence.ts";
import { fromFile } from "../../../agent/cli/config/from-file.ts";
import { judge } from "../../../agent/cli/config/judge.ts";
import type { EvidenceSource } from "../../../agent/ports/evidence.ts";
import { EmbeddedControlPlane } from "../../../sandbox/control-plane/embedded-control-plane.ts";
import { agentIdentity } from "../../../sandbox/metadata/agent-identity.ts";
import type { StoodInKind } from "../../../sandbox/metadata/kinds.ts";
import { projectedToken } from "../../../sandbox/metadata/projected-token.ts";
import { StandIns } from "../../../sandbox/metadata/stand-ins.ts";
import { standInEvidence } from "../../../sandbox/stack/evidence.ts";
import { CollectedLog } from "../../keys/collected-log.ts";
import { APP } from "../../plane/member.ts";

/** Stand-ins, a control plane that takes one kind of their word, and the agent's part of it. */
export class StandInSite implements AsyncDisposable {
  readonly standIns: StandIns;
  readonly plane: EmbeddedControlPlane;
  readonly log = new CollectedLog();
  /** What the control plane's operator is told of what was refused, as JSON. */
  readonly refused: readonly string[];
  readonly #kind: StoodInKind;
  readonly #dir: string;

  private constructor(parts: Pick<StandInSite, "standIns" | "plane" | "refused">, kind: StoodInKind, dir: string) {
    this.standIns = parts.standIns;
    this.plane = parts.plane;
    this.refused = parts.refused;
    this.#kind = kind;
    this.#dir = dir;
  }

  static async open(kind: StoodInKind): Promise<StandInSite> {
    const dir = await mkdtemp(join(tmpdir(), "attest-"));
    const refused: string[] = [];
    const standIns = await StandIns.open(dir);
    const { attestation, onAudit } = await standInEvidence({
      ...{ dir, kind, ref: APP, standIns },
      onAudit: (entry) => refused.push(JSON.stringify(entry)),
    });
    const plane = await EmbeddedControlPlane.listen({ attestation, onAudit });
    return new StandInSite({ standIns, plane, refused }, kind, dir);
  }

  /** As the agent makes it of its configuration file. */
  async evidence(kind: StoodInKind = this.#kind): Promise<EvidenceSource> {
    const { standIns, plane } = this;
    const tokenFile = join(this.#dir, "projected");
    const nowMs = Date.now() + standIns.clock.offsetMs;
    await writeFile(tokenFile, projectedToken(standIns.cluster, plane.audience, nowMs));
    const written = agentIdentity(kind, standIns, tokenFile);
    const { candidates } = fromFile({ file: "config.toml", text: "", table: { identity: written } });
    const given = new Map(candidates.map((candidate) => [candidate.key.path, candidate]));
    const { config } = judge(given, ["identity"], undefined);
    if (config === undefined) throw new Error("The configuration lacks something");
    return evidenceSource(config.identity, this.log);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.plane[Symbol.asyncDispose]();
    await this.standIns[Symbol.asyncDispose]();
    await rm(this.#dir, { recursive: true, force: true });
  }
}
