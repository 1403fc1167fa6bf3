import type { Page } from 'playwright-core';

/** An element that shows text of its own. */
interface Shown {
  readonly index: number;
  readonly what: string;
  readonly colour: string;
  readonly pixels: number;
  readonly bold: boolean;
}

/**
 * The texts whose contrast with what is behind them is below what WCAG 2 asks for at level AA: 4.5, or 3 for text that is
 * large, or bold and nearly so. What is disabled need not be readable.
 *
 * https://www.w3.org/TR/WCAG22/#contrast-minimum
 */
export async function lowContrast(page: Page): Promise<string[]> {
  const texts = await page.evaluate(shownTexts);
  if (texts.length === 0) {
    throw new Error('the page shows no text');
  }
  const session = await page.context().newCDPSession(page);
  await session.send('DOM.enable');
  await session.send('CSS.enable');
  const { root } = await session.send('DOM.getDocument', {});
  const { nodeIds } = await session.send('DOM.querySelectorAll', { nodeId: root.nodeId, selector: 'body *' });
  const found: string[] = [];
  for (const { index, what, colour, pixels, bold } of texts) {
    const nodeId = nodeIds[index] ?? 0;
    const { backgroundColors = [] } = await session.send('CSS.getBackgroundColors', { nodeId });
    const least = pixels >= 24 || (bold && pixels >= 18.66) ? 3 : 4.5;
    const contrast = Math.min(...backgroundColors.map((background) => ratio(colour, background)));
    if (!(contrast >= least)) {
      found.push(`${what}: ${colour} on ${backgroundColors.join(', ')}, ${contrast.toFixed(2)} < ${least}`);
    }
  }
  await session.detach();
  return found;
}

/** Runs in the page. Its order is that of `body *`. */
function shownTexts(): Shown[] {
  const all = [...document.querySelectorAll<HTMLElement>('body *')];
  return all.flatMap((each, index) => {
    const own = [...each.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE).map((node) => node.textContent);
    const text = each instanceof HTMLInputElement ? each.value : own.join('').trim();
    const style = getComputedStyle(each);
    if (!text || each.matches(':disabled, .visually-hidden') || !each.checkVisibility()) {
      return [];
    }
    const bold = Number(style.fontWeight) >= 700;
    return [{ index, what: text, colour: style.color, pixels: Number.parseFloat(style.fontSize), bold }];
  });
}

/** The contrast of two opaque colours, as WCAG defines it: 1 to 21. */
export function ratio(one: string, other: string): number {
  const [lighter = 0, darker = 0] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (lighter + 0.05) / (darker + 0.05);
}

function luminance(colour: string): number {
  const channels = /^rgb\((\d+), (\d+), (\d+)\)$/.exec(colour)?.slice(1);
  if (!channels) {
    throw new Error(`the colour ${colour} is not opaque`);
  }
  const [red = 0, green = 0, blue = 0] = channels.map((channel) => {
    const value = Number(channel) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
