import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { cacheFolder } from "../../setup/cache-folder.mjs";
import { saying } from "../../setup/progress.mjs";
import { hashOf } from "../../setup/stamp.mjs";
import { inTree, readIfThere } from "../../setup/tree.mjs";
import { agentVersion } from "../agent-version.mjs";
import { packageBom, packageManifest } from "../bom/package-bom.mjs";
import { keepNewest } from "../keep-newest.mjs";
import { licencesOf, putAgent } from "./agent-files.mjs";
import { controlFields } from "./control-fields.mjs";
import { documents } from "./documents.mjs";
import { putManuals } from "./manuals.mjs";
import { pack } from "./pack.mjs";
import { PARTS_FILE, partsOf } from "./parts.mjs";
import { programs } from "./programs.mjs";
import { sourceEpoch, sourceHash } from "./source-files.mjs";
import { putUnits } from "./unit-places.mjs";

const FILES = "tools/image/deb/files";

/** @param {import("./architecture.mjs").Architecture} architecture */
export function deb(architecture) {
  const version = agentVersion();
  const parts = programs(architecture);
  /** Named after all that decides what is in it; the file itself is named as apt expects it. */
  const file = () =>
    join(
      cacheFolder(),
      "image",
      `deb-${hashOf([sourceHash(), architecture.debian])}`,
      `builder-agent_${version}_${architecture.debian}.deb`,
    );
  return {
    file,
    /** @type {readonly import("../../setup/step.mjs").Step[]} */
    steps: [
      ...parts.steps,
      {
        lockFile: join(cacheFolder(), "image", "deb.lock"),
        isDone: () => existsSync(file()),
        carryOut: () =>
          saying(`making the package builder-agent ${version} for ${architecture.debian}`, () =>
            make(file(), version, architecture, parts),
          ),
      },
    ],
  };
}

/**
 * @param {string} target
 * @param {string} version
 * @param {import("./architecture.mjs").Architecture} architecture
 * @param {ReturnType<typeof programs>} parts
 */
async function make(target, version, architecture, parts) {
  const draft = join(cacheFolder(), "image", "draft-deb");
  rmSync(draft, { recursive: true, force: true });
  const root = join(draft, "root");
  const own = join(root, "usr/lib/builder-agent");
  mkdirSync(own, { recursive: true });
  const compiled = join(draft, "agent");
  mkdirSync(compiled, { recursive: true });
  await putAgent(own, compiled, architecture);

  const list = await parts.list();
  for (const { source, place } of list) put(source, root, place);
  put(inTree(FILES, "builder-agent"), root, "usr/bin/builder-agent");
  for (const name of [
    "start-buildkitd",
    "ensure-network",
    "keep-gateway",
    "note-parts",
    "start-control-again",
    "with-notify-socket",
    "watch-network",
    "watch-cache",
    "runc",
    "pause-before-start",
  ])
    put(inTree(FILES, name), root, `usr/lib/builder-agent/bin/${name}`);
  put(inTree(FILES, "gateway-openssl.cnf"), root, "usr/lib/builder-agent/gateway-openssl.cnf");
  put(inTree(FILES, "config.toml.example"), root, "etc/builder-agent/config.toml.example");
  await putManuals(join(own, "agent/cli/main.js"), root);
  put(inTree("LICENSE"), root, "usr/share/doc/builder-agent/copyright");
  writeFileSync(join(root, "usr/share/doc/builder-agent/third-party-licences"), licencesOf(compiled));
  putUnits(inTree("systemd"), root);
  for (const [file, place] of Object.entries(documents)) put(inTree(file), root, place);

  const epochSeconds = await sourceEpoch();
  const about = { version, architecture, programs: list, epochSeconds };
  mkdirSync(join(root, dirname(PARTS_FILE)), { recursive: true });
  writeFileSync(join(root, PARTS_FILE), partsOf(root));
  putJson(await packageBom(about), root, "usr/share/builder-agent/package.cdx.json");
  putJson(packageManifest(about), root, "usr/share/builder-agent/package.json");

  const made = join(draft, "made.deb");
  const script = (/** @type {string} */ name) => readIfThere(inTree(FILES, name));
  const scripts = { postinst: script("postinst"), prerm: script("prerm"), postrm: script("postrm") };
  const fields = controlFields(version, architecture);
  await pack({ root, fields, scripts, epochSeconds, target: made });
  mkdirSync(dirname(target), { recursive: true });
  renameSync(made, target);
  keepNewest(join(cacheFolder(), "image"), "deb-", 4);
  rmSync(draft, { recursive: true, force: true });
}

/** @param {string} source @param {string} root @param {string} place */
function put(source, root, place) {
  mkdirSync(join(root, dirname(place)), { recursive: true });
  copyFileSync(source, join(root, place));
}

/** @param {unknown} content @param {string} root @param {string} place */
function putJson(content, root, place) {
  mkdirSync(join(root, dirname(place)), { recursive: true });
  writeFileSync(join(root, place), `${JSON.stringify(content, null, 2)}\n`);
}
