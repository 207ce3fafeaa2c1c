import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { checkOutput, exampleArguments, interfacesOfSteps } from "../../sandbox/demo/example.ts";
import { buildxArguments } from "../../sandbox/stack/client-lines.ts";
import { Client } from "./stage/client.ts";
import { answersHttp2 } from "./stage/http2-settings.ts";
import { dial } from "./stage/serving-certificate.ts";
import { sharedStage } from "./stage/shared-stage.ts";
import { toolPath } from "./stage/whether.ts";

const stage = sharedStage();

it("a stock buildctl builds stages, with an argument, a secret and a local output", async () => {
  const build = await stage().openBuild();
  const secret = randomBytes(16).toString("hex");
  const [secretFile, outputDir] = [join(stage().clientDir, "secret"), join(stage().clientDir, "example-out")];
  await writeFile(secretFile, secret);
  await mkdir(outputDir);
  const { busybox } = stage().tools;
  await using client = stage().buildctl(build, exampleArguments({ busybox, secretFile, outputDir, progress: "plain" }));
  await client.succeeds();
  expect(await checkOutput(outputDir, secret)).not.toEqual([]);
  // As this stage's machine is configured.
  expect(await interfacesOfSteps(outputDir)).toEqual(["lo"]);
});

it("a stock docker buildx builds by its remote driver, with no docker engine", async () => {
  const buildx = toolPath("buildx") ?? "buildx";
  const build = await stage().openBuild();
  const home = join(stage().clientDir, "buildx");
  const outputDir = join(home, "out");
  await mkdir(join(home, "src"), { recursive: true });
  await writeFile(join(home, "secret"), "s3same");
  await writeFile(
    join(home, "src", "Dockerfile"),
    [
      ...["FROM scratch AS work", "COPY --from=tools busybox /bin/busybox", "ARG GREETING"],
      `RUN --mount=type=secret,id=word ["/bin/busybox","sh","-c","echo $GREETING $(cat /run/secrets/word) > /said"]`,
      ...["FROM scratch", "COPY --from=work /said /"],
    ].join("\n"),
  );
  const env = { PATH: process.env["PATH"], HOME: home, BUILDX_CONFIG: join(home, "config"), DOCKER_CONFIG: home };
  const run = async (args: readonly string[]): Promise<void> => {
    await using client = Client.start(buildx, args, env);
    await client.succeeds();
  };
  await run(buildxArguments(build));
  await run([
    ...["build", "--builder", build.buildId, "--progress", "plain", "--build-arg", "GREETING=hello"],
    ...["--build-context", `tools=${join(stage().clientDir, "context")}`, "--secret", `id=word,src=${home}/secret`],
    ...["--metadata-file", join(home, "metadata.json"), "--output", `type=local,dest=${outputDir}`],
    ...["--output", `type=oci,dest=${join(home, "image.tar")}`, join(home, "src")],
  ]);
  expect(await readFile(join(outputDir, "said"), "utf8")).toBe("hello s3same\n");
  // Its provenance is in a blob of the build's history, which buildx reads once the build is over.
  const metadata = JSON.parse(await readFile(join(home, "metadata.json"), "utf8")) as Record<string, unknown>;
  expect(metadata).toHaveProperty(["buildx.build.provenance"]);
  const ref = String(metadata["buildx.build.ref"]).split("/").at(-1) ?? "";
  // Of its own build it may read all that the history names.
  await run(["history", "export", "--builder", build.buildId, "--output", join(home, "record.dockerbuild"), ref]);
  await run(["history", "logs", "--builder", build.buildId, ref]);
});

it.each([
  { offers: "h2", alpn: ["h2"], selected: "h2" },
  { offers: "h2 among others", alpn: ["http/1.1", "h2"], selected: "h2" },
  { offers: "no ALPN at all", alpn: [], selected: false },
])("a client that offers $offers is served by BuildKit", async ({ alpn, selected }) => {
  const build = await stage().openBuild();
  const socket = await dial(build, alpn);
  try {
    expect(socket.alpnProtocol).toBe(selected);
    expect(await answersHttp2(socket)).toBe(true);
  } finally {
    socket.destroy();
  }
});
