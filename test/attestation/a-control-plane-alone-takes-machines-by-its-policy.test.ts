import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { EmbeddedControlPlane } from "../../sandbox/control-plane/embedded-control-plane.ts";
import { KeyPair } from "../../sandbox/pki/key-pair.ts";
import { makeSigningRequest } from "../../sandbox/pki/signing-request.ts";
import { FACTS, PlainAgent, refusal } from "../sandbox/plain-agent.ts";
import { RunningPlane } from "../sandbox/plane/running-plane.ts";
import { claims, google } from "../verifier/platforms.ts";

const POLICY = `[[gcp]]
owner = { org = "acme", project = "app" }
jwksFile = "google.json"
projects = ["acme-builders"]
serviceAccounts = ["112233445566778899000"]
`;

async function register(plane: Pick<EmbeddedControlPlane, "caPem" | "endpoint" | "serverName">) {
  using agent = new PlainAgent(plane);
  const { nonce, audience } = await agent.challenge();
  const key = await KeyPair.generate();
  const jwt = google.token(claims.gcp({ nonce, audience, spki: key.spkiDer }, Date.now()));
  const response = agent.register({
    nonce,
    attestation: { evidence: { $case: "gcpIdentity", value: { jwt } } },
    machineCsr: await makeSigningRequest(key, "machine"),
    servingCsr: new Uint8Array(),
    facts: FACTS,
    versions: undefined,
  });
  return { audience, jwt, nonce, ...(await response) };
}

it("takes the file again on SIGHUP, goes on with the old one if that is wrong, and tells its operator why it refuses", async () => {
  await using dir = await policyDir();
  await writeFile(join(dir.path, "google.json"), JSON.stringify(google.jwks));
  const file = join(dir.path, "attestation.toml");
  await writeFile(file, POLICY.replace("acme-builders", "other-project"));
  await using plane = await RunningPlane.start("--attestation", file, "--name", "plane.example.com");
  const refused = await refusal(register(plane));
  expect(refused.details).toBe("attestation.gcp_identity: not-allowed");

  await writeFile(file, POLICY.replace("projects", "project"));
  plane.hangUp();
  await plane.said(/gcp\[0\]\.project: there is no such key/);
  await plane.said(/The policy of before stays in force/);
  expect((await refusal(register(plane))).details).toBe("attestation.gcp_identity: not-allowed");

  await writeFile(file, POLICY);
  plane.hangUp();
  await plane.said(/The attestation policy is taken anew: 1 entry\./);
  const { machineId, audience, jwt, nonce } = await register(plane);
  expect(audience).toBe("https://plane.example.com/attest/plane");
  expect(await plane.asked("machines")).toMatchObject([{ machineId, org: "acme", project: "app" }]);
  const ready = JSON.parse(await readFile(join(plane.dir, "ready.json"), "utf8")) as { audience: string };
  expect(ready.audience).toBe(audience);

  const { exitCode, stdout, stderr } = await plane.interrupt();
  expect(exitCode).toBe(0);
  expect(stdout).toContain(`${audience}#n=…&k=…`);
  expect(stdout).toMatch(/evidence-refused {2}.*\n.*acme-builders/);
  for (const secret of [
    jwt,
    jwt.slice(0, 30),
    Buffer.from(nonce).toString("base64url"),
    Buffer.from(nonce).toString("hex"),
  ])
    expect(stdout + stderr).not.toContain(secret);
});

it("does not start by a policy with a mistake", async () => {
  await using dir = await policyDir();
  const file = join(dir.path, "attestation.toml");
  await writeFile(file, POLICY);
  await expect(RunningPlane.start("--attestation", file)).rejects.toThrow(
    /ended with 65: .*"google\.json" does not exist/s,
  );
});

async function policyDir(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), "policy-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
