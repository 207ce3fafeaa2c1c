import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { CiPlatforms } from "../../../sandbox/ci/platforms/ci-platforms.ts";
import { EXCHANGE_AUDIENCE } from "../../../sandbox/control-plane/exchange/trust.ts";
import { filesBelow, whereFound } from "../../journeys/stage/haystack.ts";
import { LabMachine } from "../plane/lab-machine.ts";
import { RunningPlane } from "../plane/running-plane.ts";
import { type Door, endBuild, exchange, openBuild } from "./scene.ts";

const OF = ["--org", "acme", "--project", "app"] as const;
const WHOSE = ["--owner-id", "1001", "--repository-id", "2002"] as const;

interface Listed {
  readonly id: string;
}

function doorOf({ exchangeUrl, caPem }: RunningPlane): Door {
  return { port: Number(new URL(exchangeUrl).port), caPem };
}

it("keeps trusts, used tokens, access tokens and whose builds are whose, and none of the tokens", async () => {
  await using platforms = await CiPlatforms.open();
  await using plane = await RunningPlane.start("--exchange", "127.0.0.1:0");
  const keys = ["--jwks-url", platforms.jwksUrl("github")] as const;
  const reach = ["--machine-address", "builder.example.com"] as const;
  const trust = await plane.asked<Listed>("trust", "add", "github", ...OF, ...WHOSE, ...keys, ...reach);
  await using machine = await LabMachine.register(plane, await plane.token());
  const subject = platforms.token("github", EXCHANGE_AUDIENCE);
  const accessToken = String((await exchange(doorOf(plane), subject)).json["access_token"]);
  const opened = await openBuild(doorOf(plane), accessToken);
  expect(opened.json).toMatchObject({ endpoint: "tcp://builder.example.com:8443" });
  const buildId = String(opened.json["build_id"]);

  await plane.kill();
  await plane.startAgain();
  await machine.until("the build", ({ openBuilds }) => openBuilds.length === 1);

  expect(await plane.asked("trust", "list")).toEqual([trust]);
  const again = await Promise.all(Array.from({ length: 50 }, () => exchange(doorOf(plane), subject)));
  expect(new Set(again.map(({ json }) => json["code"]))).toEqual(new Set(["token-used"]));
  const second = await openBuild(doorOf(plane), accessToken);
  expect(second.status).toBe(201);
  expect((await endBuild(doorOf(plane), accessToken, buildId)).json).toMatchObject({ applied: true });

  const removed = await plane.command("trust", "remove", trust.id);
  expect(removed.stdout).toBe(`Trust ${trust.id} is removed. Revoked: ${String(second.json["build_id"])}.`);
  expect((await plane.command("build", "list")).stdout).toBe("No build is open.");
  const log = await plane.command("trust", "log");
  expect(log.stdout).toMatch(/token-used {2}The token has been used before\./);

  const { stdout, stderr } = await plane.interrupt();
  const told = new Map([["said", stdout + stderr], ["log", log.stdout], ...(await filesBelow(plane.dir))]);
  expect(told.get(join(plane.dir, "state.json"))).toContain("spent");
  for (const secret of [...subject.split("."), accessToken]) expect(whereFound(secret, told)).toEqual([]);
});

it("takes a state of before there was an exchange", async () => {
  await using plane = await RunningPlane.start();
  await plane.token();
  const { state } = JSON.parse(await readFile(join(plane.dir, "state.json"), "utf8")) as { readonly state: string };
  const { exchange: _, ...before } = JSON.parse(state) as Record<string, unknown>;
  await plane.interrupt();
  await plane.rewriteState(before);
  await plane.startAgain();
  expect((await plane.command("trust", "list")).stdout).toBe("No job of any CI system is trusted.");
});

it.each([
  { what: "names no repository", args: ["github", ...OF, "--owner-id", "1"], says: "--repository-id" },
  {
    what: "gives no id but a name",
    args: ["github", ...OF, "--owner-id", "acme/app", "--repository-id", "1"],
    says: "letters, digits and dashes",
  },
  {
    what: "has an access token live for an hour",
    args: ["github", ...OF, ...WHOSE, "--token-ttl", "1h"],
    says: "tokenTtlMs: between 1 and 15 minutes",
  },
  {
    what: "asks for what nobody may",
    args: ["github", ...OF, ...WHOSE, "--may", "everything"],
    says: "Allowed choices",
  },
  {
    what: "takes keys over plain HTTP",
    args: ["github", ...OF, ...WHOSE, "--jwks-url", "http://keys.example/jwks"],
    says: "https is wanted",
  },
])("a trust that $what is refused, with what is wrong", async ({ args, says }) => {
  await using plane = await RunningPlane.start();
  const { exitCode, stderr } = await plane.command("trust", "add", ...args);
  expect(exitCode).toBe(64);
  expect(stderr).toContain(says);
  expect((await plane.command("trust", "list")).stdout).toBe("No job of any CI system is trusted.");
});

it("says in words whose jobs are trusted, and for what", async () => {
  await using plane = await RunningPlane.start();
  await plane.command(
    "trust",
    "add",
    "github",
    ...OF,
    ...WHOSE,
    "--ref",
    "refs/heads/main",
    "--environment",
    "production",
  );
  const ids = ["--organization-id", "0a0b", "--project-id", "0c0d"] as const;
  await plane.command("trust", "add", "circleci", ...OF, ...ids, "--allow-ssh-rerun", "--reusable");
  await plane.command(
    "trust",
    "add",
    "buildkite",
    ...OF,
    "--organization-id",
    "1",
    "--pipeline-id",
    "2",
    "--branch",
    "main",
  );
  const { stdout } = await plane.command("trust", "list");
  expect(stdout).toContain(
    "github repository 2002 of owner 1001; events push, schedule, workflow_dispatch, release, merge_group; refs refs/heads/main; environments production",
  );
  expect(stdout).toContain("circleci project 0c0d of organization 0a0b; also with SSH");
  expect(stdout).toContain("issuer https://oidc.circleci.com/org/0a0b, audience 0a0b\n");
  expect(stdout).toContain("a job's token may be exchanged as often as it lives");
  expect(stdout).toContain("buildkite pipeline 2 of organization 1; branches main");
});
