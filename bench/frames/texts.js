// @ts-check
/** What people write: sentences of ordinary words in several scripts, with the lengths of chat: half of them below 40 characters, a few of hundreds. */

/** @typedef {import("./random.js").Random} Random */

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * The same text as one run of memory, as strings are that come from a keyboard, a socket or a file. What is put together with `+` is a
 * tree of its parts, which costs whoever reads it first.
 * @param {string} written
 */
export const flat = (written) => decoder.decode(encoder.encode(written));

/** @param {string} words */
const list = (words) => words.trim().split(/\s+/);

const scripts = {
  english: list(`the a and I you we it is was not to of in on at for with this that they can will just like have got need see
    think know meeting tomorrow today lunch deploy build broken fixed review please thanks ok sure yes no maybe later now here
    there really good great sorry question about release branch server customer weekend train coffee looks something anyone`),
  european: list(`der die das und ist nicht für später können schön Straße heute morgen le la une être très déjà garçon réunion
    où à bientôt el niño mañana está también qué você não então amanhã coração på är också något İstanbul güzel şöyle dziękuję
    proszę jutro około żeby cảm ơn được người không tôi bạn ngày mai`),
  cyrillic: list(`привет да нет и в на что как это завтра сегодня встреча хорошо спасибо пожалуйста потом сейчас я ты мы они
    было будет можно нужно очень работает сломалось посмотри дякую добре звісно зараз може`),
  chinese: list(
    `你好 今天 明天 会议 谢谢 我们 可以 没有 什么 这个 那个 已经 现在 工作 吃饭 好的 一下 看看 问题 不用 服务器 晚上 到了 等`,
  ),
  japanese: list(
    `ありがとう 今日 明日 会議 です ます した お願いします 大丈夫 確認 は が を に で と から まで 資料 後で 了解 テスト 見て ください`,
  ),
  korean: list(`나중에 오늘 내일 회의 감사합니다 네 아니요 그리고 확인 지금 여기 같이 점심 좋아요 괜찮아요 서버 문제 배포 언제`),
  arabic: list(`مرحبا شكرا نعم لا اليوم غدا الاجتماع من فضلك الآن لاحقا أنا أنت نحن هذا ذلك في على مع جيد جدا كيف الحال
    ماذا متى أين سلام خوب ممنون فردا`),
  devanagari: list(`नमस्ते धन्यवाद हाँ नहीं आज कल बैठक कृपया अभी बाद में मैं तुम हम यह वह क्या कैसे बहुत अच्छा ठीक है काम घर समय`),
};

const shares = { english: 44, european: 18, cyrillic: 11, chinese: 5, japanese: 4, korean: 3, arabic: 8, devanagari: 7 };
const emoji = ["🙂", "😂", "👍", "🎉", "❤️", "🙏", "🔥", "👩‍💻", "🇺🇦", "🤔", "✅", "🚀"];
const marks = [".", "!", "?", "…", "", "", ")", ":"];

/** A text in one script. @param {Random} random */
export function text(random) {
  const script = /** @type {keyof typeof scripts} */ (random.weighted(shares));
  const words = scripts[script];
  // Chinese and Japanese say in one character what takes two or three letters elsewhere, and write no spaces.
  const isDense = script === "chinese" || script === "japanese";
  const length = Math.min(1500, Math.max(1, Math.round(Math.exp(Math.log(43) + 0.9 * random.normal()) * (isDense ? 0.45 : 1))));
  let written = random.pick(words);
  while (written.length < length) {
    if (random.chance(0.07)) written += `, ${random.pick(words)}`;
    else if (random.chance(0.02)) written += ` ${random.integer(1, 2000)}`;
    else if (random.chance(0.01)) written += ` https://example.org/${random.pick(scripts.english)}/${random.integer(1, 99999)}`;
    else written += (isDense ? "" : " ") + random.pick(words);
  }
  if (random.chance(0.5)) written += random.pick(marks);
  if (random.chance(0.14)) written += ` ${random.pick(emoji)}`;
  return flat(written);
}

/** Some words, as of a status or a name. @param {Random} random @param {number} count */
export function phrase(random, count) {
  const words = scripts[/** @type {keyof typeof scripts} */ (random.weighted(shares))];
  return Array.from({ length: count }, () => random.pick(words)).join(" ");
}
