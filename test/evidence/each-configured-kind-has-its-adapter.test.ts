import { afterAll, beforeAll, expect, it } from "vitest";
import { evidenceSource } from "../../agent/cli/compose-evidence.ts";
import type { IdentityConfig } from "../../agent/cli/config/config.ts";
import { CollectedLog } from "../keys/collected-log.ts";
import { CHALLENGE, FOREVER, KEY } from "./stage/challenge.ts";
import { Platforms } from "./stage/platforms.ts";

let platforms: Platforms;
beforeAll(async () => {
  platforms = await Platforms.open();
});
afterAll(() => platforms[Symbol.asyncDispose]());

it.each([
  "auto",
  "aws-caller-identity",
  "aws-instance-identity",
  "aws-web-identity",
  "azure",
  "gcp",
  "join-token",
  "nitro-tpm",
  "oidc-socket",
  "oidc-token",
  "oidc-url",
] as const)("%s", (kind) => {
  const identity: IdentityConfig = { ...platforms.places, nitroTpmAttest: "nitro-tpm-attest", kind };
  expect(evidenceSource(identity, new CollectedLog()).kind).toBe(kind);
});

it.each(["aws-caller-identity", "auto"] as const)(
  "%s signs for the region's own STS where the agent has a VPC endpoint, which the control plane cannot reach",
  async (kind) => {
    platforms.azure.faults.set("*", { kind: "status", status: 404 });
    platforms.gcp.faults.set("*", { kind: "status", status: 404 });
    platforms.fly.faults.set("*", { kind: "status", status: 404 });
    const identity: IdentityConfig = { ...platforms.places, kind, stsUrl: "https://127.0.0.1.invalid" };
    const evidence = await evidenceSource(identity, new CollectedLog()).gather(CHALLENGE, KEY, FOREVER);
    expect(evidence).toMatchObject({ kind: "aws-caller-identity", url: "https://sts.eu-central-1.amazonaws.com/" });
  },
);
