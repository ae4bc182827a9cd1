// The page of a run in a real browser: node --test, with CHROMIUM, PAGE (an index.html of fig3 or fig2),
// COMPARISON (a comparison.html) and NODE_MODULES (where playwright-core lies) in the environment.
// SHOTS names a folder for screenshots.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";

const { CHROMIUM = "/usr/bin/chromium", PAGE, COMPARISON, NODE_MODULES, SHOTS } = process.env;
const { chromium } = createRequire(join(NODE_MODULES, "x"))("playwright-core");
let browser;

before(async () => {
  browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
});
after(() => browser.close());

// A page that has been opened from disk, with everything that it complained of or asked a network for.
async function open(file, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, acceptDownloads: true, ...options });
  const page = await context.newPage();
  const complaints = [];
  page.on("console", (message) => { if (["error", "warning"].includes(message.type())) complaints.push(message.text()); });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => { if (!/^(file|data|blob):/.test(request.url())) complaints.push(`asks for ${request.url()}`); });
  await page.goto(pathToFileURL(file).href);
  return { page, complaints, close: () => context.close() };
}
async function shot(page, name) {
  if (SHOTS) await page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true });
}
// Nothing may stick out at the right but what scrolls by itself.
const sticksOut = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

test("the page is one small file", () => {
  assert.ok(statSync(PAGE).size < 5_000_000, `${statSync(PAGE).size} bytes`);
  assert.doesNotMatch(readFileSync(PAGE, "utf8"), /(src|href)="https?:/);
});

test("a layer is explained where the mouse is, and chosen by a click", async () => {
  const { page, complaints, close } = await open(PAGE);
  const marks = page.locator("#plane .mark");
  const count = await marks.count();
  assert.ok(count >= 5, `${count} marks`);
  const run = JSON.parse(await page.locator("#data").textContent())[0];
  assert.equal(count, run.sources.flatMap((source) => source.layers).length);
  const label = await marks.nth(1).getAttribute("aria-label");
  // Neighbours may cover a mark: the event goes to the mark itself.
  await marks.nth(1).dispatchEvent("pointerenter");
  await page.locator("#tip").waitFor({ state: "visible" });
  assert.equal((await page.locator("#tip").textContent()).split("\n").join(", "), label);
  await marks.nth(1).dispatchEvent("click");
  assert.equal(await page.locator("#layer-heading").textContent().then((text) => text.startsWith(`Layer ${label.split(",")[0]}`)), true);
  const layer = run.sources[0].layers[1];
  const numbers = await page.locator("#numbers").textContent();
  assert.ok(numbers.includes(layer.measures[0].m.toLocaleString("en")), numbers);
  assert.equal(await page.locator("#states .card").count(), layer.states.length);
  const images = layer.states.reduce((sum, state) => sum + state.images, 0);
  assert.equal(await page.locator("#states .image").count(), images);
  assert.equal(await page.locator("#spectrum circle.dots").count(), layer.spectrum.length);
  assert.equal(await page.locator("#layers tr.chosen").count(), 1);
  await shot(page, "wide");
  assert.deepEqual(complaints, []);
  await close();
});

test("all of it goes by keyboard", async () => {
  const { page, complaints, close } = await open(PAGE);
  await page.locator("#plane .mark[tabindex='0']").focus();
  const first = await page.evaluate(() => document.activeElement.getAttribute("aria-label"));
  const step = (await page.locator("#plane .mark").first().getAttribute("aria-label")) === first ? "ArrowRight" : "ArrowLeft";
  await page.keyboard.press(step);
  const second = await page.evaluate(() => document.activeElement.getAttribute("aria-label"));
  assert.notEqual(second, first);
  assert.equal(await page.locator("#tip").isVisible(), true);
  await page.keyboard.press("Enter");
  assert.ok((await page.locator("#layer-heading").textContent()).includes(second.split(",")[0]));
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute("aria-label")), second);
  assert.equal(await page.locator("#plane .mark[aria-pressed='true']").getAttribute("aria-label"), second);
  const nameless = await page.evaluate(() => [...document.querySelectorAll("button, select, input, a[href], [role=img], img")]
    .filter((e) => !(e.getAttribute("aria-label") || e.alt || e.textContent.trim() || e.labels?.length)).map((e) => e.outerHTML));
  assert.deepEqual(nameless, []);
  assert.deepEqual(complaints, []);
  await close();
});

test("sources can be hidden", async () => {
  const { page, close } = await open(PAGE);
  const before = await page.locator("#plane .mark").count();
  await page.locator("#plane .legend input").first().uncheck();
  assert.ok(await page.locator("#plane .mark").count() < before);
  await close();
});

test("plots and figures can be downloaded", async () => {
  const { page, complaints, close } = await open(PAGE);
  const folder = mkdtempSync(join(tmpdir(), "page-"));
  const fetched = async (locator) => {
    const [download] = await Promise.all([page.waitForEvent("download"), locator.click()]);
    const path = join(folder, download.suggestedFilename());
    await download.saveAs(path);
    return readFileSync(path);
  };
  const plane = page.locator("#plane");
  const svg = String(await fetched(plane.getByRole("button", { name: /as SVG/ })));
  assert.match(svg, /^<svg[^>]*xmlns=/);
  assert.doesNotMatch(svg, /var\(--/);
  const png = await fetched(plane.getByRole("button", { name: /as PNG/ }));
  assert.deepEqual([...png.subarray(0, 4)], [0x89, 0x50, 0x4e, 0x47]);
  const csv = String(await fetched(plane.getByRole("button", { name: /as CSV/ }))).trim().split("\n");
  assert.equal(csv.length, 1 + await page.locator("#plane .mark").count());
  for (const [kind, start] of [["SVG", "<svg"], ["PNG", "\x89PNG"], ["CSV", ""]]) {
    const link = page.locator("#figures").getByRole("link", { name: kind, exact: true }).first();
    const bytes = (await fetched(link)).toString("latin1");
    assert.ok(bytes.length > 50 && bytes.includes(start), `${kind}: ${bytes.slice(0, 40)}`);
  }
  assert.deepEqual(complaints, []);
  await close();
});

for (const [name, width, scheme] of [["phone", 360, "light"], ["tablet", 768, "dark"], ["desk", 1280, "dark"]]) {
  test(`it fits on a ${name}`, async () => {
    const { page, complaints, close } = await open(PAGE, { viewport: { width, height: 800 }, colorScheme: scheme });
    assert.ok(await sticksOut(page) <= 0, `${await sticksOut(page)} pixels too wide`);
    await shot(page, name);
    assert.deepEqual(complaints, []);
    await close();
  });
}

test("it prints", async () => {
  const { page, close } = await open(PAGE);
  await page.emulateMedia({ media: "print" });
  assert.equal(await page.locator(".chooser").isVisible(), false);
  const pdf = await page.pdf({ format: "A4" });
  assert.equal(pdf.subarray(0, 4).toString(), "%PDF");
  await close();
});

test("two runs stand beside each other", async () => {
  const { page, complaints, close } = await open(COMPARISON);
  const runs = JSON.parse(await page.locator("#data").textContent());
  assert.equal(runs.length, 2);
  assert.equal(await page.locator("h1").count(), 2);
  assert.equal(await page.locator("#plane .mark").count(), runs.flatMap((run) => run.sources).flatMap((source) => source.layers).length);
  assert.ok((await page.locator("#layers").textContent()).includes("What changes"));
  assert.ok(await sticksOut(page) <= 0);
  await shot(page, "comparison");
  assert.deepEqual(complaints, []);
  await close();
});
