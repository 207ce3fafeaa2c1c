import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { OpenedBuildFiles } from "../../sandbox/admin/request.ts";
import { writeTicket } from "../../sandbox/admin/ticket-files.ts";
import type { BuildOrder } from "../../sandbox/control-plane/builds.ts";
import { CertificateAuthority, type CertificateWithKey } from "../../sandbox/pki/certificate-authority.ts";
import { expectRefused } from "./stage/refusals.ts";
import { REF } from "./stage/set-up.ts";
import { sharedStage } from "./stage/shared-stage.ts";
import type { Stage } from "./stage/stage.ts";

const stage = sharedStage();

function uriOf({ plane }: Stage, { org, project }: BuildOrder, buildId: string): string {
  return `spiffe://${plane.trustDomain}/org/${org}/project/${project}/build/${buildId}`;
}

/** Files like those of `build`, but with another certificate. */
async function withCertificate(build: OpenedBuildFiles, certificate: CertificateWithKey): Promise<OpenedBuildFiles> {
  const { chainPem: certPem, keyPem } = certificate;
  const caPem = stage().plane.authorities.builders.certPem;
  const buildId = `other-${randomUUID()}`;
  return writeTicket(stage().clientDir, build.endpoint, {
    ...{ ...REF, buildId, certPem, keyPem, caPem, serverName: build.serverName, expiresAt: new Date() },
    change: { revision: 0n, applied: async () => undefined },
  });
}

describe("a stock client is refused, and the log says why, when its build", () => {
  it("has ended, though it was let in with the same certificate a moment ago", async () => {
    const build = await stage().openBuild();
    expect(await stage().askWorkers(build)).toMatchObject({ exitCode: 0 });
    await stage().plane.endBuild(build.buildId).applied();
    await expectRefused(stage(), build, "build-ended");
  });

  it("was revoked", async () => {
    const build = await stage().openBuild();
    await stage().plane.revokeBuild(build.buildId).applied();
    await expectRefused(stage(), build, "build-revoked");
  });

  it.each([
    { which: "was never granted", ref: REF, ofOpen: false },
    { which: "is of another project", ref: { ...REF, project: "other" }, ofOpen: true },
    { which: "is of another org", ref: { ...REF, org: "other" }, ofOpen: true },
  ])("$which", async ({ ref, ofOpen }) => {
    const open = await stage().openBuild();
    const buildId = ofOpen ? open.buildId : "b-never-granted";
    const { authorities } = stage().plane;
    const certificate = await authorities.builds.issue({ uriSans: [uriOf(stage(), ref, buildId)] });
    await expectRefused(stage(), await withCertificate(open, certificate), "no-grant");
  });

  it("is named by a certificate of a CA that nobody trusts", async () => {
    const open = await stage().openBuild();
    const wrongCa = await CertificateAuthority.create({ name: "Sandbox CA of builds" });
    const certificate = await wrongCa.issue({ uriSans: [uriOf(stage(), REF, open.buildId)] });
    await expectRefused(stage(), await withCertificate(open, certificate), "chain-not-trusted");
  });

  it("was granted for another key than the certificate's", async () => {
    const open = await stage().openBuild({ pinKey: true });
    expect(await stage().askWorkers(open)).toMatchObject({ exitCode: 0 });
    const again = await stage().plane.authorities.builds.issue({ uriSans: [uriOf(stage(), REF, open.buildId)] });
    await expectRefused(stage(), await withCertificate(open, again), "key-not-granted");
  });
});
