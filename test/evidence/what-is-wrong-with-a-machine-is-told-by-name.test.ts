import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { awsInstanceIdentityEvidence } from "../../agent/adapters/evidence/aws-instance-identity-evidence.ts";
import { awsWebIdentityEvidence } from "../../agent/adapters/evidence/aws-web-identity-evidence.ts";
import { azureEvidence } from "../../agent/adapters/evidence/azure-evidence.ts";
import { gcpEvidence } from "../../agent/adapters/evidence/gcp-evidence.ts";
import { nitroTpmEvidence } from "../../agent/adapters/evidence/nitro-tpm-evidence.ts";
import { oidcUrlEvidence } from "../../agent/adapters/evidence/oidc-url-evidence.ts";
import type { AgentError } from "../../agent/core/errors.ts";
import { azure } from "../../sandbox/metadata/azure.ts";
import { MetadataServer } from "../../sandbox/metadata/metadata-server.ts";
import { json, plain, type Replier } from "../../sandbox/metadata/reply.ts";
import { CHALLENGE, FOREVER, KEY } from "./stage/challenge.ts";
import { attestTool, type PlatformChanges, Platforms } from "./stage/platforms.ts";
import { refusalOf } from "./stage/refusal.ts";

/** What AWS's best kind says once `change` was done to the platform. */
async function awsRefusal(change: (platforms: Platforms) => void, changes?: PlatformChanges): Promise<AgentError> {
  await using platforms = await Platforms.open(changes);
  change(platforms);
  return await refusalOf(awsWebIdentityEvidence(platforms.places).gather(CHALLENGE, KEY, FOREVER));
}

describe("an EC2 instance", () => {
  it("out of the hop limit's reach hears of the hop limit", async () => {
    await using platforms = await Platforms.open();
    platforms.imdsSwitches.beyondHopLimit = true;
    const source = awsInstanceIdentityEvidence({ ...platforms.places, budgetMs: 500 });
    const { message, retryable } = await refusalOf(source.gather(CHALLENGE, KEY, FOREVER));
    expect(message).toContain("did not answer within the 0.5 s that there are; is the agent in a container");
    expect(message).toContain("HttpPutResponseHopLimit");
    expect(retryable).toBe(true);
  });

  it("with IMDSv1 alone is never asked by it", async () => {
    await using platforms = await Platforms.open();
    platforms.imdsSwitches.v1Only = true;
    const { message } = await refusalOf(awsInstanceIdentityEvidence(platforms.places).gather(CHALLENGE, KEY, FOREVER));
    expect(message).toContain("IMDSv2 only and never falls back to IMDSv1");
    expect(platforms.imds.requests().map(({ method }) => method)).toEqual(["PUT"]);
  });

  it("whose session token is not taken hears that it is asked again", async () => {
    const { message, retryable } = await awsRefusal(({ imdsSwitches }) => {
      imdsSwitches.expiresTokens = true;
    });
    expect(message).toMatch(/\(401\); the session token was its own; it is asked again$/);
    expect(retryable).toBe(true);
  });

  it("without a role hears that it needs one", async () => {
    const { message } = await awsRefusal(() => undefined, { hasRole: false });
    expect(message).toContain("(404); this instance has no role: attach an instance profile with one");
  });

  it("whose role EC2 may not assume hears so", async () => {
    const { message } = await awsRefusal(({ imdsSwitches }) => {
      imdsSwitches.credentialsCode = "AssumeRoleUnauthorizedAccess";
    });
    expect(message).toContain("no credentials for the role builder (AssumeRoleUnauthorizedAccess): may EC2 assume it?");
  });

  it("takes no greeting for a session token", async () => {
    await using somebody = await MetadataServer.listen({ replier: () => plain("Welcome to this network!") });
    const source = awsInstanceIdentityEvidence({ awsMetadataUrl: somebody.url });
    const { message } = await refusalOf(source.gather(CHALLENGE, KEY, FOREVER));
    expect(message).toContain("gave something that is no session token");
    expect(somebody.requests()).toHaveLength(1);
  });

  it.each([
    [403, "OutboundWebIdentityFederationDisabledException", false, "iam:EnableOutboundWebIdentityFederation"],
    [403, "AccessDenied", false, "allow it sts:GetWebIdentityToken"],
    [400, "InvalidAction", false, "set identity.kind to aws-caller-identity"],
    [400, "JWTPayloadSizeExceededException", false, "give the role fewer tags"],
    [403, "RegionDisabledException", false, "activate it in the account's settings"],
    [400, "Throttling", true, "is asked too often"],
    [403, "ExpiredToken", true, "does not accept the role's credentials"],
    [403, "SomethingNew", false, "refuses the request"],
  ])("hears what %i %s of STS means", async (status, code, mayPass, words) => {
    const { message, retryable } = await awsRefusal(({ stsSwitches }) => {
      stsSwitches.error = [status, code];
    });
    expect(message).toMatch(/^STS in eu-central-1 \(POST http:\/\/127\.0\.0\.1:\d+\/\) /);
    expect(message).toContain(words);
    expect(message).toContain(`(${status} ${code.replace("Exception", "")})`);
    expect(retryable).toBe(mayPass);
  });

  it("asks for a shorter token only once", async () => {
    await using platforms = await Platforms.open();
    platforms.stsSwitches.sessionLeftS = 30;
    const { message, retryable } = await refusalOf(
      awsWebIdentityEvidence(platforms.places).gather(CHALLENGE, KEY, FOREVER),
    );
    expect(message).toContain("gives no token that outlives the role's session");
    expect(retryable).toBe(true);
    expect(platforms.sts.requests()).toHaveLength(2);
  });

  it.each([
    [-3_600_000, /this machine's clock is 3[56]\d\d s ahead, set it right \(403 SignatureDoesNotMatch\)/],
    [3_600_000, /this machine's clock is 3[56]\d\d s behind, set it right \(403 SignatureDoesNotMatch\)/],
  ])("hears how far its clock is off (STS is %i ms away)", async (offsetMs, words) => {
    const { message } = await awsRefusal(() => undefined, { stsNow: () => Date.now() + offsetMs });
    expect(message).toMatch(words);
  });

  it("takes no error page for an error of STS", async () => {
    const { message } = await awsRefusal(({ sts }) => sts.faults.set("*", { kind: "status", status: 403 }));
    expect(message).toContain("text/html, which is none of its answers");
  });
});

describe("a machine of Google's cloud", () => {
  it("without a service account hears that it needs one", async () => {
    await using platforms = await Platforms.open();
    platforms.gcp.faults.set("*", { kind: "status", status: 404 });
    const { message } = await refusalOf(gcpEvidence(platforms.places).gather(CHALLENGE, KEY, FOREVER));
    expect(message).toContain("(404); this machine has no service account: attach one");
  });

  it("is not taken for one when the answer is not by Google's server", async () => {
    await using somebody = await MetadataServer.listen({ replier: () => plain("eyJhbGciOiJSUzI1NiJ9.e30.c2ln") });
    const { message } = await refusalOf(gcpEvidence({ gcpMetadataUrl: somebody.url }).gather(CHALLENGE, KEY, FOREVER));
    expect(message).toContain("answered without Metadata-Flavor");
  });
});

describe("a VM of Azure", () => {
  it("takes no document that was cut off, though its encoding is whole", async () => {
    await using platforms = await Platforms.open();
    const whole = azure({ vmId: "vm", subscriptionId: "s", signer: platforms.signers.document });
    const replier: Replier = async (asked) => {
      const { signature } = JSON.parse(String((await whole(asked))?.body ?? "")) as { signature: string };
      return json({ encoding: "pkcs7", signature: signature.slice(0, -40) });
    };
    await using cutting = await MetadataServer.listen({ replier });
    const source = azureEvidence({ azureMetadataUrl: cutting.url });
    const { message } = await refusalOf(source.gather(CHALLENGE, KEY, FOREVER));
    expect(message).toContain("no whole PKCS#7 document");
  });
});

describe("a token URL", () => {
  it("that wants another bearer token is told to", async () => {
    await using platforms = await Platforms.open();
    const { oidcUrl } = platforms.places;
    const { message } = await refusalOf(oidcUrlEvidence({ oidcUrl }).gather(CHALLENGE, KEY, FOREVER));
    expect(message).toMatch(
      /^The token URL \(GET http:\/\/127\.0\.0\.1:\d+\/token\) .* \(401\); is identity\.tokenFile given/,
    );
  });
});

describe("an instance with a NitroTPM", () => {
  it.each([
    ["fails", "exit 3", {}, /ended with 3: has this instance a NitroTPM/],
    ["writes something else", "echo no; exit 0", {}, /something that is no attestation document/],
    ["writes without end", "while :; do echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; done", {}, /more than 64 KiB/],
    ["binds the key alone", "printf '\\204'; cat \"$4\"; exit 0", {}, /not bound to this challenge and key/],
    ["binds the challenge alone", "printf '\\204'; cat \"$2\"; exit 0", {}, /not bound to this challenge and key/],
    ["hangs", "exec sleep 600", { budgetMs: 500 }, /did not end within the 0\.5 s that there are/],
  ])("whose tool %s has no evidence, and the tool does not outlive that", async (_what, script, bounded, words) => {
    await using platforms = await Platforms.open();
    const nitroTpmAttest = await attestTool(platforms.folder, `echo $$ > ${platforms.folder}/pid\n${script}`);
    const source = nitroTpmEvidence({ nitroTpmAttest, ...bounded });
    const { message } = await refusalOf(source.gather(CHALLENGE, KEY, FOREVER));
    expect(message).toMatch(words);
    await expect.poll(() => isRunning(platforms.folder), { timeout: 20_000 }).toBe(false);
  });

  it("without the tool hears which package has it", async () => {
    const source = nitroTpmEvidence({ nitroTpmAttest: "/nowhere/nitro-tpm-attest" });
    const { message, retryable } = await refusalOf(source.gather(CHALLENGE, KEY, FOREVER));
    expect(message).toBe(
      "/nowhere/nitro-tpm-attest cannot be run: install aws-nitro-tpm-tools, or set identity.nitroTpmAttest",
    );
    expect(retryable).toBe(false);
  });

  it("that is told to stop ends its tool", async () => {
    await using platforms = await Platforms.open();
    const nitroTpmAttest = await attestTool(platforms.folder, `echo $$ > ${platforms.folder}/pid\nexec sleep 600`);
    const stop = new AbortController();
    const reason = new Error("told to stop");
    const gathering = nitroTpmEvidence({ nitroTpmAttest }).gather(CHALLENGE, KEY, stop.signal);
    setTimeout(() => stop.abort(reason), 200);
    await expect(gathering).rejects.toBe(reason);
    await expect.poll(() => isRunning(platforms.folder), { timeout: 20_000 }).toBe(false);
  });
});

/** The process whose id the tool has written, if it came so far. */
async function isRunning(folder: string): Promise<boolean> {
  const pid = Number(await readFile(`${folder}/pid`, "utf8").catch(() => "0"));
  if (pid === 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
