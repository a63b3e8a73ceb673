/** A tab of the chat page, as a person uses it. */

import type { Page } from "playwright-core";

/** What a person does in a tab, and what it shows. */
export class Tab {
  readonly page: Page;
  /** What the page has complained about. */
  readonly complaints: string[] = [];

  constructor(page: Page) {
    this.page = page;
    page.setDefaultTimeout(8000);
    page.on("pageerror", (error) => this.complaints.push(error.message));
    page.on("console", (message) => {
      // The browser itself reports each connection that fails.
      if (message.type() === "error" && !message.text().includes("WebSocket")) this.complaints.push(message.text());
    });
  }

  async write(text: string): Promise<void> {
    await this.page.fill("#text", text);
    await this.page.press("#text", "Enter");
  }

  /** The messages that are shown, in order. */
  texts(): Promise<string[]> {
    return this.page.locator(".message-text").allTextContents();
  }

  notices(): Promise<string> {
    return this.page
      .locator(".notice")
      .allTextContents()
      .then((texts) => texts.join("\n"));
  }

  /** How far an own message has come. */
  state(text: string): Promise<string | null> {
    return this.page.locator("li.message", { hasText: text }).getAttribute("data-state");
  }

  frames(body: string, way: "in" | "out"): Promise<string[]> {
    return this.page.locator(`#frame-list li[data-body=${body}][data-way=${way}] .frame-summary`).allTextContents();
  }

  reach(user: string): Promise<string | null> {
    return this.page.locator(`.person[data-user=${user}]`).getAttribute("data-reach");
  }

  /** Points at a message and chooses one of its actions. */
  async act(text: string, action: string): Promise<void> {
    const message = this.page.locator("li.message", { hasText: text });
    await message.hover();
    await message.locator(`[data-action^="${action}"]`).first().click();
  }

  typing(): Promise<string | null> {
    return this.page.locator("#typing").textContent();
  }

  async reconnect(): Promise<void> {
    const button = this.page.locator("#banner button:visible", { hasText: "Reconnect now" });
    // It may come back by itself before the button is pressed.
    if (await button.isVisible()) await button.click({ timeout: 1000 }).catch(() => undefined);
  }

  hasHorizontalScroll(): Promise<boolean> {
    return this.page.evaluate(() => {
      const { scrollWidth, clientWidth } = document.documentElement;
      return scrollWidth > clientWidth || document.body.scrollWidth > document.body.clientWidth;
    });
  }
}
