import { expect, it } from "vitest";
import { caDates } from "../../agent/adapters/keys/ca-dates.ts";
import { CertificateAuthority } from "../../sandbox/pki/certificate-authority.ts";

it("reads each CA of a bundle for its name and its end; one that is broken has ended", async () => {
  const authority = await CertificateAuthority.create({ name: "Builds of a test" });
  const broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  const [read, unreadable, ...more] = caDates(`${authority.certPem}${broken}`);
  expect(read?.subject).toContain("Builds of a test");
  expect(read?.notBeforeMs).toBeLessThanOrEqual(Date.now());
  expect(read?.notAfterMs).toBeGreaterThan(Date.now());
  expect(unreadable).toMatchObject({ notAfterMs: 0 });
  expect(more).toEqual([]);
  expect(caDates("no certificate at all")).toEqual([]);
});
