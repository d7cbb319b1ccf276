const two = (number) => String(number).padStart(2, "0");

/** As the server writes a time, in the reader's zone. */
export function written(time, withSeconds = false) {
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  const clock = `${two(time.getHours())}:${two(time.getMinutes())}`;
  return withSeconds ? `${day} ${clock}:${two(time.getSeconds())}` : `${day} ${clock}`;
}

/** Whole times alone: what the server wrote in another form stays, with UTC on hover. */
export function localTimes(root) {
  for (const each of root.querySelectorAll("time[datetime]")) {
    const time = new Date(each.dateTime);
    if (Number.isNaN(time.getTime()) || each.title) continue;
    const whole = /^\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?$/.exec(each.textContent.trim());
    each.title = `${each.dateTime.replace("T", " ").replace("Z", "")} UTC`;
    if (whole) each.textContent = written(time, Boolean(whole[1]));
  }
}
