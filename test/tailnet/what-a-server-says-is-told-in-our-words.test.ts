import { describe, expect, it } from "vitest";
import { loginStep } from "../../agent/adapters/tailscale/login-progress.ts";
import { readNotification } from "../../agent/adapters/tailscale/notification.ts";
import { tailnetHostname } from "../../agent/core/tailnet/hostname.ts";

const SERVER = "https://controlplane.example.com";

/**
 * What the service itself answers cannot be had here: these are its words as its issue tracker
 * quotes them.
 */
describe("the coordination server's words", () => {
  it.each([
    {
      said: "invalid key: API key k123CNTRL not valid",
      told: "does not take the auth key: it was used already, has expired or was revoked, or is of another tailnet",
    },
    {
      said: "invalid key: API key does not exist",
      told: "does not take the auth key: it was used already, has expired or was revoked, or is of another tailnet",
    },
    { said: "invalid key: unable to validate API key", told: "does not take the auth key" },
    { said: "authkey expired", told: "refuses the auth key: it has expired" },
    { said: "authkey already used", told: "has seen this auth key before" },
    { said: "requested tags [tag:x] are invalid or not permitted", told: "does not permit these tags with this key" },
    {
      said: "tailnet requires logging to be enabled. Remove --no-logs-no-support from tailscaled command line.",
      told: "requires network flow logs of every node",
    },
    { said: "this device is not welcome", told: "refuses this machine" },
  ])("“$said”: $told", ({ said, told }) => {
    const step = loginStep(readNotification(JSON.stringify({ ErrMessage: said })), SERVER);
    expect(step).toMatchObject({ is: "failed", failure: { code: "tailnet.key-refused", retryable: false } });
    const message = step.is === "failed" ? step.failure.message : "";
    expect(message).toContain(`The coordination server ${told}`);
    expect(message).toContain(`“${said}”`);
  });

  it("asks for patience, which is no refusal", () => {
    const ErrMessage = "node registration rate limited; will retry after 5s";
    expect(loginStep(readNotification(JSON.stringify({ ErrMessage })), SERVER)).toEqual({
      is: "news",
      words: `The coordination server ${SERVER} asks for patience: ${ErrMessage}`,
    });
  });

  it.each([
    {
      state: 3,
      code: "tailnet.needs-approval",
      told: /wants an administrator to approve this machine.*has to be preauthorised/,
    },
    { url: "https://login.example.com/a/1", code: "tailnet.key-refused", told: /asks a person to log in/ },
  ])("is final where a person would have to act: $code", ({ state, url, code, told }) => {
    const step = loginStep(readNotification(JSON.stringify({ State: state, BrowseToURL: url })), SERVER);
    expect(step).toMatchObject({ is: "failed", failure: { code, retryable: false } });
    expect(step.is === "failed" ? step.failure.message : "").toMatch(told);
  });
});

describe("why the way there fails", () => {
  const warned = (code: string, text: string, error?: string) =>
    readNotification(
      JSON.stringify({
        Health: { Warnings: { [code]: { Text: text, ...(error !== undefined && { Args: { error } }) } } },
      }),
    );

  it.each([
    [
      `fetch control key: Get "${SERVER}/key?v=141": dial tcp 192.0.2.1:443: connect: connection refused`,
      "connection refused",
    ],
    [
      `fetch control key: Get "${SERVER}/key?v=141": dial tcp: lookup controlplane.example.com: no such host`,
      "no such host",
    ],
    [
      `fetch control key: Get "${SERVER}/key?v=141": tls: failed to verify certificate: x509: certificate signed by unknown authority`,
      "certificate signed by unknown authority",
    ],
    ["register request: http 500: internal server error", "internal server error"],
  ])("%s", (error, why) => {
    expect(loginStep(warned("login-state", "You are logged out.", error), SERVER)).toEqual({
      is: "news",
      words: `The coordination server ${SERVER} does not answer: ${why}`,
    });
  });

  it("tells of a relay that is not found", () => {
    const text = "Tailscale could not connect to any relay server. Check your Internet connection.";
    expect(loginStep(warned("no-derp-home", text), SERVER)).toEqual({
      is: "news",
      words: `Registered, but not connected yet: ${text}`,
    });
  });

  it.each(["dns-set-os-config-failed", "dns", "warming-up", "update-available"])(
    "takes %s for what it is: nothing",
    (code) => {
      expect(loginStep(warned(code, "Whatever", "whatever"), SERVER)).toEqual({ is: "nothing" });
    },
  );

  it.each([
    "",
    "{",
    "[]",
    '{"State":"6"}',
    '{"Health":{"Warnings":{"login-state":7}}}',
    `{"PeersChanged":[${"1,".repeat(9)}`,
  ])("reads %j without taking offence", (line) => {
    expect(loginStep(readNotification(line), SERVER)).toEqual({ is: "nothing" });
  });
});

describe("what a machine is called in a tailnet", () => {
  it.each([
    ["m-7", "builder-m-7"],
    ["i-0123ABC", "builder-i-0123abc"],
    ["spiffe://x/y_z", "builder-spiffe-x-y-z"],
    ["--", "builder"],
    ["", "builder"],
    ["ü", "builder"],
    ["a".repeat(80), `builder-${"a".repeat(55)}`],
    [`${"a".repeat(54)}-b`, `builder-${"a".repeat(54)}`],
  ])("%j: %s", (machineId, name) => {
    expect(tailnetHostname(machineId)).toBe(name);
    expect(name.length).toBeLessThanOrEqual(63);
  });
});
