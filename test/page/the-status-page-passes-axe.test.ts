import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import axe, { type AxeResults } from "axe-core";
import type { Browser, Page } from "playwright-core";
import { afterAll, describe, expect, it } from "vitest";
import { statusPage } from "../../agent/adapters/health/status-page.ts";
import type { ObservedState } from "../../agent/core/observed-state.ts";
import { DRAINING, NOW_MS, READY, STARTING, TROUBLED } from "../health/states.ts";
import { startBrowser } from "./browser.ts";

const URL = "http://builder.test/";
const SHOTS = process.env["BUILDER_AGENT_SCREENSHOTS"];
/** As long as the contract lets an id be, and a path without a place to break it at. */
const LONG_ID = "b".repeat(128);
const LONG_PATH = `/dev/disk/by-id/nvme-${"Instance_Storage_".repeat(8)}-ns-1`;

const STATES: Readonly<Record<string, ObservedState>> = {
  ready: { ...READY, builds: new Map([[LONG_ID, 3]]) },
  failing: {
    ...TROUBLED,
    checks: TROUBLED.checks.map((check) => ({ ...check, message: `${check.message}: ${LONG_PATH}` })),
  },
  starting: STARTING,
  draining: {
    ...DRAINING,
    refusedBuilds: [{ buildId: LONG_ID, why: { code: "draining" }, message: `It came too late: ${LONG_PATH}` }],
  },
};

/** A phone and a desk. */
const WIDTHS = [{ width: 390 }, { width: 1400 }];
const SCHEMES = ["light", "dark"] as const;

const started = await startBrowser();
const browser: Browser | undefined = typeof started === "string" ? undefined : started;
const why = typeof started === "string" ? ` (skipped: ${started})` : "";

afterAll(() => browser?.close());

describe.skipIf(browser === undefined)(`the status page in a browser${why}`, () => {
  describe.each(Object.keys(STATES))("of a machine that is %s", (state) => {
    it.each(WIDTHS)("can be read by everybody in light and dark, $width px wide", async ({ width }) => {
      await using page = await shown(state, width);
      for (const scheme of SCHEMES) {
        await page.look(scheme);
        const { violations, incomplete } = await axed(page.it);
        expect({ scheme, violations: told(violations), unsure: told(incomplete) }).toEqual({
          ...{ scheme, violations: [], unsure: [] },
        });
      }
      expect(
        await page.it.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"),
      ).toBe(0);
      expect(await page.it.evaluate("document.scripts.length")).toBe(0);
      expect(page.complaints).toEqual([]);
    });
  });

  it("is judged by an axe that sees what is wrong", async () => {
    await using page = await shown("ready", 390);
    await page.it.evaluate("document.documentElement.removeAttribute('lang')");
    await page.it.evaluate("document.querySelector('h1').style.color = '#ddd'");
    const { violations } = await axed(page.it);
    expect(violations.map(({ id }) => id).toSorted()).toEqual(["color-contrast", "html-has-lang"]);
  });
});

/** The page as the agent answers it, under its own policy; only it does not come anew meanwhile. */
async function shown(state: string, width: number) {
  const context = await browser?.newContext({ viewport: { width, height: 900 } });
  const page = await context?.newPage();
  const observed = STATES[state];
  if (context === undefined || page === undefined || observed === undefined) throw new Error("no browser, or no state");
  const complaints: string[] = [];
  page.on("console", (message) => complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  const { body, type, headers: { refresh: _, ...headers } = {} } = statusPage(observed, NOW_MS);
  await page.route("**/*", (route) =>
    route.request().url() === URL
      ? route.fulfill({ body, headers: { "content-type": type, ...headers } })
      : route.fulfill({ status: 404, body: "" }),
  );
  await page.goto(URL);
  await page.evaluate(axe.source);
  const look = async (colorScheme: (typeof SCHEMES)[number]): Promise<void> => {
    await page.emulateMedia({ colorScheme });
    if (SHOTS === undefined) return;
    await mkdir(SHOTS, { recursive: true });
    await page.screenshot({ path: join(SHOTS, `${state}-${width}-${colorScheme}.png`), fullPage: true });
  };
  return { it: page, look, complaints, [Symbol.asyncDispose]: () => context.close() };
}

/** Over the debugger: the page's policy lets no script in. */
function axed(page: Page): Promise<AxeResults> {
  return page.evaluate("axe.run(document, { resultTypes: ['violations', 'incomplete'] })");
}

function told(results: AxeResults["violations"]): readonly string[] {
  return results.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
}
