import { element } from './dom.js';

/** With more receives than this, those in the middle share a step. */
const RECEIVES_SHOWN_MAX = 5;

/**
 * What the queue does with a job that always fails: it shows the message `maxReceiveCount` times, a visibility timeout
 * apart, and moves it when it would show it once more.
 */
function steps({ maxReceiveCount, visibilityTimeoutSeconds }) {
  const receive = (number) => ({
    seconds: (number - 1) * visibilityTimeoutSeconds,
    name: `receive ${number} of ${maxReceiveCount}`,
    text: number === maxReceiveCount ? 'the worker fails the job for the last time' : 'the worker fails the job',
  });
  const all = Array.from({ length: maxReceiveCount }, (_, index) => receive(index + 1));
  if (all.length > RECEIVES_SHOWN_MAX) {
    const name = `receives 2 to ${maxReceiveCount - 1}`;
    all.splice(1, all.length - 2, { ...all[1], name, text: `${visibilityTimeoutSeconds} s apart, the worker fails the job` });
  }
  return [
    ...all,
    {
      seconds: maxReceiveCount * visibilityTimeoutSeconds,
      name: 'dead-letter queue',
      text: 'the message moves there, with its id and body',
    },
  ];
}

/** What to expect of a job that succeeds. */
export function jobOutlook() {
  return element(
    'p',
    { className: 'muted next' },
    'What to expect: the worker takes it within seconds, and leaves one line with its job id in its log.',
  );
}

/**
 * What to expect of a failing job, and when, with a countdown. The page cannot see the queue, so it promises times and
 * not events. `tell` is called with the words for whoever cannot see, when the last step is due.
 */
export function failingJobOutlook(retries, tell) {
  const start = Date.now();
  const expected = steps(retries).map(({ seconds, name, text }) => {
    const due = start + seconds * 1000;
    const time = element('time', { dateTime: new Date(due).toISOString() }, new Date(due).toLocaleTimeString());
    return { due, name, item: element('li', {}, element('strong', {}, name), ` – ${text}, about `, time) };
  });
  const last = expected.at(-1);
  const total = Math.round((last.due - start) / 1000);
  const bar = element('progress', { max: last.due - start, value: 0, ariaLabel: 'time until the dead-letter queue' });
  // A timer is not read out every second.
  const countdown = element('p', { className: 'countdown', role: 'timer' });

  const update = () => {
    const now = Date.now();
    for (const { due, item } of expected) {
      item.classList.toggle('due', due <= now);
    }
    bar.value = Math.min(now - start, bar.max);
    const next = expected.find(({ due }) => due > now);
    if (next === undefined) {
      countdown.textContent = 'By now, the message is in the dead-letter queue.';
      clearInterval(ticking);
      tell(countdown.textContent);
    } else {
      countdown.textContent = `Next: ${next.name} in ${minutesAndSeconds(next.due - now)}`;
    }
  };
  const ticking = setInterval(update, 1000);
  update();

  return element(
    'div',
    { className: 'next' },
    element(
      'p',
      {},
      `What to expect: ${count(retries.maxReceiveCount)}, then the dead-letter queue, about ${total} seconds from now.`,
    ),
    countdown,
    bar,
    element('ol', { className: 'steps' }, ...expected.map(({ item }) => item)),
  );
}

function count(receives) {
  return receives === 1 ? 'one receive' : `${['two', 'three', 'four', 'five'][receives - 2] ?? receives} receives`;
}

function minutesAndSeconds(milliseconds) {
  const seconds = Math.ceil(milliseconds / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}
