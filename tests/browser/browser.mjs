// A Chromium that is fresh for one test, and tells of everything in it that went wrong.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

import { chromium } from "playwright-core";

const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** How long a browser on a slow machine may take for one step. */
export const PATIENCE_MS = 60_000;

/**
 * Opens one with a profile of its own. `faults` are what a person with the developer tools open would
 * see in red: errors of scripts, resources that failed or were refused, breaches of the page's policy.
 */
export async function openBrowser(t) {
  const profile = await mkdtemp(path.join(tmpdir(), "doorward-browser-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM,
    args: FLAGS,
    viewport: { width: 1280, height: 860 },
  });
  t.after(async () => {
    await context.close();
    await rm(profile, { recursive: true, force: true });
  });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = context.pages()[0] ?? (await context.newPage());
  const faults = [];
  page.on("pageerror", (error) => faults.push(`script: ${error}`));
  page.on("console", (message) => {
    if (message.type() === "error") faults.push(`console: ${message.text()}`);
  });
  page.on("response", (response) => {
    if (response.status() >= 400) faults.push(`${response.status()} ${response.url()}`);
  });
  // For whoever wants to look: SCREENSHOTS=<directory>.
  const shot = async (name) => {
    const to = process.env.SCREENSHOTS;
    if (to) await page.screenshot({ path: path.join(to, `${name}.png`) });
  };
  return { page, faults, shot };
}
