// What avsc takes from Node's module `util`, for the bundle of page.js.

exports.format = (...parts) => parts.map(String).join(" ");
exports.inspect = String;
exports.debuglog = () => () => {};
exports.deprecate = (call) => call;
exports.inherits = (type, base) => {
  type.super_ = base;
  Object.setPrototypeOf(type.prototype, base.prototype);
  Object.setPrototypeOf(type, base);
};
