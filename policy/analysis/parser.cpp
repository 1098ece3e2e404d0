#include "policy/analysis/parser.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "policy/analysis/lexer.hpp"

namespace ccp::policy::lua {
namespace {

struct Priority {
  int left, right;
};
const std::map<std::string_view, Priority>& priorities() {
  static const std::map<std::string_view, Priority> table{
      {"or", {1, 1}},  {"and", {2, 2}}, {"<", {3, 3}},   {">", {3, 3}},   {"<=", {3, 3}},   {">=", {3, 3}},   {"~=", {3, 3}},
      {"==", {3, 3}},  {"|", {4, 4}},   {"~", {5, 5}},   {"&", {6, 6}},   {"<<", {7, 7}},   {">>", {7, 7}},   {"..", {9, 8}},
      {"+", {10, 10}}, {"-", {10, 10}}, {"*", {11, 11}}, {"/", {11, 11}}, {"//", {11, 11}}, {"%", {11, 11}}, {"^", {14, 13}}};
  return table;
}
constexpr int kUnaryPriority = 12;
/// Recursion of the grammar: up to two levels for one of the tree.
constexpr int kMaxLevels = 2 * kMaxTreeDepth;

class Parser {
 public:
  explicit Parser(std::string_view source) : lexer_(source) { advance(); }

  Chunk chunk() {
    Chunk out;
    out.body = block();
    if (token_.kind != TokenKind::end) unexpected("a statement");
    return out;
  }

 private:
  [[noreturn]] void fail(const Place& at, std::string message) const { throw SyntaxError{at, std::move(message)}; }
  [[noreturn]] void unexpected(const std::string& wanted) const {
    std::string found = "the end of the file";
    if (token_.kind == TokenKind::string)
      found = "a text";
    else if (token_.kind != TokenKind::end)
      found = "\"" + token_.text.substr(0, 40) + "\"";
    fail(token_.at, "here stands " + found + " where " + wanted + " belongs");
  }

  void advance() {
    last_line_ = token_.end_line;
    token_ = ahead_ ? std::exchange(next_, {}) : lexer_.next();
    ahead_ = false;
    if (token_.kind == TokenKind::error) fail(token_.at, token_.text);
  }
  const Token& lookAhead() {
    if (!ahead_) next_ = lexer_.next();
    ahead_ = true;
    return next_;
  }
  bool is(std::string_view text) const {
    return (token_.kind == TokenKind::keyword || token_.kind == TokenKind::symbol) && token_.text == text;
  }
  bool accept(std::string_view text) {
    if (!is(text)) return false;
    advance();
    return true;
  }
  void expect(std::string_view text) {
    if (!accept(text)) unexpected("\"" + std::string(text) + "\"");
  }
  /// The word that ends what began at `from`.
  void close(std::string_view text, std::string_view what, const Place& from) {
    if (accept(text)) return;
    unexpected("\"" + std::string(text) + "\" (it ends the \"" + std::string(what) + "\" of line " + std::to_string(from.line) + ")");
  }
  std::string nameText() {
    if (token_.kind != TokenKind::name) unexpected("a name");
    auto out = token_.text;
    advance();
    return out;
  }

  struct Level {
    Parser& parser;
    explicit Level(Parser& p) : parser(p) {
      if (++parser.level_ > kMaxLevels) parser.fail(parser.token_.at, "this is nested too deeply");
    }
    ~Level() { --parser.level_; }
  };

  ExprPtr make(ExprKind kind, const Place& at) const {
    auto out = std::make_unique<Expr>();
    out->kind = kind;
    out->at = at;
    return out;
  }
  ExprPtr done(ExprPtr expr) {
    expr->end_line = last_line_;
    for (const auto& part : expr->parts) expr->depth = std::max(expr->depth, part->depth + 1);
    for (const auto& field : expr->fields) {
      if (field.key) expr->depth = std::max(expr->depth, field.key->depth + 1);
      expr->depth = std::max(expr->depth, field.value->depth + 1);
    }
    if (expr->depth > kMaxTreeDepth) fail(expr->at, "this is nested too deeply");
    return expr;
  }

  // Statements.

  bool blockEnds() const {
    return token_.kind == TokenKind::end || is("end") || is("else") || is("elseif") || is("until");
  }

  BlockPtr block() {
    const Level level(*this);
    auto out = std::make_unique<Block>();
    while (!blockEnds()) {
      if (is("return")) {
        out->stats.push_back(returning());
        if (!blockEnds()) unexpected("the end of the block (\"return\" is its last statement)");
        break;
      }
      if (accept(";")) continue;
      out->stats.push_back(statement());
    }
    return out;
  }

  Stat begin(StatKind kind) const {
    Stat out;
    out.kind = kind;
    out.at = token_.at;
    return out;
  }
  void ends(Stat& stat) const { stat.end_line = last_line_; }

  Stat returning() {
    Stat out = begin(StatKind::returning);
    advance();
    if (!blockEnds() && !is(";")) out.values = expressions();
    ends(out);
    accept(";");
    return out;
  }

  Stat statement() {
    if (is("if")) return ifElse();
    if (is("while")) return whileLoop();
    if (is("do")) {
      Stat out = begin(StatKind::block);
      advance();
      ends(out);
      out.blocks.push_back(block());
      close("end", "do", out.at);
      return out;
    }
    if (is("for")) return forLoop();
    if (is("repeat")) return repeatLoop();
    if (is("function")) return functionStat();
    if (is("local")) return localStat();
    if (is("::")) {
      Stat out = begin(StatKind::label);
      advance();
      out.text = nameText();
      expect("::");
      ends(out);
      return out;
    }
    if (is("break")) {
      Stat out = begin(StatKind::breaking);
      advance();
      ends(out);
      return out;
    }
    if (is("goto")) {
      Stat out = begin(StatKind::jump);
      advance();
      out.text = nameText();
      ends(out);
      return out;
    }
    return expressionStat();
  }

  Stat ifElse() {
    Stat out = begin(StatKind::if_else);
    bool has_else = false;
    do {
      advance();  // if, elseif
      out.values.push_back(expression());
      expect("then");
      if (out.end_line == 0) ends(out);
      out.blocks.push_back(block());
    } while (is("elseif"));
    if (accept("else")) {
      out.blocks.push_back(block());
      has_else = true;
    }
    out.blocks.back()->has_else = has_else;
    close("end", "if", out.at);
    return out;
  }

  Stat whileLoop() {
    Stat out = begin(StatKind::while_loop);
    advance();
    out.values.push_back(expression());
    expect("do");
    ends(out);
    out.blocks.push_back(block());
    close("end", "while", out.at);
    return out;
  }

  Stat repeatLoop() {
    Stat out = begin(StatKind::repeat_loop);
    advance();
    out.blocks.push_back(block());
    close("until", "repeat", out.at);
    out.values.push_back(expression());
    ends(out);
    return out;
  }

  Stat forLoop() {
    Stat out = begin(StatKind::numeric_for);
    advance();
    out.names.push_back({"", token_.at, "", nullptr});
    out.names.back().name = nameText();
    if (accept("=")) {
      out.values.push_back(expression());
      expect(",");
      out.values.push_back(expression());
      if (accept(",")) out.values.push_back(expression());
    } else {
      out.kind = StatKind::generic_for;
      while (accept(",")) {
        out.names.push_back({"", token_.at, "", nullptr});
        out.names.back().name = nameText();
      }
      if (!is("in")) unexpected("\"=\" or \"in\"");
      advance();
      out.values = expressions();
    }
    expect("do");
    ends(out);
    out.blocks.push_back(block());
    close("end", "for", out.at);
    return out;
  }

  Stat functionStat() {
    Stat out = begin(StatKind::function);
    advance();
    auto target = make(ExprKind::name, token_.at);
    target->text = nameText();
    target = done(std::move(target));
    bool method = false;
    while (is(".") || is(":")) {
      method = is(":");
      advance();
      auto index = make(ExprKind::index, target->at);
      auto key = make(ExprKind::string, token_.at);
      key->text = nameText();
      index->parts.push_back(std::move(target));
      index->parts.push_back(done(std::move(key)));
      target = done(std::move(index));
      if (method) break;
    }
    out.targets.push_back(std::move(target));
    ends(out);
    out.function = functionBody(out.at, method);
    return out;
  }

  Stat localStat() {
    Stat out = begin(StatKind::local);
    advance();
    if (is("function")) {
      out.kind = StatKind::local_function;
      advance();
      out.names.push_back({"", token_.at, "", nullptr});
      out.names.back().name = nameText();
      ends(out);
      out.function = functionBody(out.at, false);
      return out;
    }
    do {
      NameDeclaration name{"", token_.at, "", nullptr};
      name.name = nameText();
      if (accept("<")) {
        const Place at = token_.at;
        name.attribute = nameText();
        if (name.attribute != "const" && name.attribute != "close") fail(at, "a local is <const> or <close>, not <" + name.attribute + ">");
        expect(">");
      }
      out.names.push_back(std::move(name));
    } while (accept(","));
    if (accept("=")) out.values = expressions();
    ends(out);
    return out;
  }

  Stat expressionStat() {
    Stat out = begin(StatKind::call);
    auto first = suffixed();
    if (is("=") || is(",")) {
      out.kind = StatKind::assign;
      out.targets.push_back(std::move(first));
      while (accept(",")) out.targets.push_back(suffixed());
      for (const auto& target : out.targets) {
        if (target->kind != ExprKind::name && target->kind != ExprKind::index) fail(target->at, "this cannot be assigned to");
      }
      expect("=");
      out.values = expressions();
    } else {
      if (first->kind != ExprKind::call && first->kind != ExprKind::method) fail(first->at, "this is no statement: only calls and assignments stand alone");
      out.values.push_back(std::move(first));
    }
    ends(out);
    return out;
  }

  // Expressions.

  std::vector<ExprPtr> expressions() {
    std::vector<ExprPtr> out;
    do out.push_back(expression());
    while (accept(","));
    return out;
  }

  ExprPtr expression(int limit = 0) {
    const Level level(*this);
    ExprPtr left;
    if (is("not") || is("-") || is("#") || is("~")) {
      left = make(ExprKind::unary, token_.at);
      left->text = token_.text;
      advance();
      left->parts.push_back(expression(kUnaryPriority));
      left = done(std::move(left));
    } else {
      left = simple();
    }
    for (;;) {
      const auto found = token_.kind == TokenKind::symbol || token_.kind == TokenKind::keyword ? priorities().find(token_.text) : priorities().end();
      if (found == priorities().end() || found->second.left <= limit) return left;
      const std::string op(found->first);
      const auto priority = found->second;
      const Place at = token_.at;
      advance();
      auto right = expression(priority.right);
      // a + b + c is one node with three parts: long chains do not make deep trees.
      if (priority.left == priority.right && left->kind == ExprKind::binary && left->text == op) {
        // Not by done(): looking at all parts for each new one would take quadratic time.
        left->depth = std::max(left->depth, right->depth + 1);
        left->end_line = last_line_;
        left->parts.push_back(std::move(right));
        if (left->depth > kMaxTreeDepth) fail(at, "this is nested too deeply");
        continue;
      }
      auto node = make(ExprKind::binary, left->at);
      node->text = op;
      node->text_at = at;
      node->parts.push_back(std::move(left));
      node->parts.push_back(std::move(right));
      left = done(std::move(node));
    }
  }

  ExprPtr simple() {
    auto out = make(ExprKind::nil, token_.at);
    if (token_.kind == TokenKind::number) {
      out->kind = ExprKind::number;
      out->number = token_.number;
      out->text = token_.text;
    } else if (token_.kind == TokenKind::string) {
      out->kind = ExprKind::string;
      out->text = token_.text;
    } else if (is("true") || is("false")) {
      out->kind = ExprKind::boolean;
      out->truth = is("true");
    } else if (is("...")) {
      if (!vararg_) fail(token_.at, "\"...\" stands in functions that take it only");
      out->kind = ExprKind::vararg;
    } else if (is("{")) {
      return table();
    } else if (is("function")) {
      out->kind = ExprKind::function;
      advance();
      out->function = functionBody(out->at, false);
      return done(std::move(out));
    } else if (!is("nil")) {
      return suffixed();
    }
    advance();
    return done(std::move(out));
  }

  ExprPtr primary() {
    if (token_.kind == TokenKind::name) {
      auto out = make(ExprKind::name, token_.at);
      out->text = nameText();
      return done(std::move(out));
    }
    if (is("(")) {
      auto out = make(ExprKind::paren, token_.at);
      advance();
      out->parts.push_back(expression());
      close(")", "(", out->at);
      return done(std::move(out));
    }
    unexpected("an expression");
  }

  ExprPtr suffixed() {
    const Level level(*this);
    auto out = primary();
    for (;;) {
      if (is(".") || is("[")) {
        auto index = make(ExprKind::index, out->at);
        const bool bracket = is("[");
        advance();
        ExprPtr key;
        if (bracket) {
          key = expression();
          expect("]");
        } else {
          key = make(ExprKind::string, token_.at);
          key->text = nameText();
          key = done(std::move(key));
        }
        index->parts.push_back(std::move(out));
        index->parts.push_back(std::move(key));
        out = done(std::move(index));
      } else if (is(":")) {
        auto call = make(ExprKind::method, out->at);
        advance();
        call->text_at = token_.at;
        call->text = nameText();
        call->parts.push_back(std::move(out));
        if (!is("(") && !is("{") && token_.kind != TokenKind::string) unexpected("the arguments of the method");
        arguments(*call);
        out = done(std::move(call));
      } else if (is("(") || is("{") || token_.kind == TokenKind::string) {
        auto call = make(ExprKind::call, out->at);
        call->parts.push_back(std::move(out));
        arguments(*call);
        out = done(std::move(call));
      } else {
        return out;
      }
    }
  }

  void arguments(Expr& call) {
    if (is("(")) {
      const Place at = token_.at;
      advance();
      if (!is(")")) {
        for (auto& each : expressions()) call.parts.push_back(std::move(each));
      }
      close(")", "(", at);
    } else {
      call.parts.push_back(simple());
    }
  }

  ExprPtr table() {
    const Level level(*this);
    auto out = make(ExprKind::table, token_.at);
    advance();
    while (!is("}")) {
      Field field;
      if (accept("[")) {
        field.key = expression();
        expect("]");
        expect("=");
      } else if (token_.kind == TokenKind::name && lookAhead().kind == TokenKind::symbol && lookAhead().text == "=") {
        field.key = make(ExprKind::string, token_.at);
        field.key->text = nameText();
        field.key = done(std::move(field.key));
        expect("=");
      }
      field.value = expression();
      out->fields.push_back(std::move(field));
      if (!accept(",") && !accept(";")) break;
    }
    close("}", "{", out->at);
    return done(std::move(out));
  }

  std::unique_ptr<Function> functionBody(const Place& at, bool method) {
    const Level level(*this);
    auto out = std::make_unique<Function>();
    out->at = at;
    if (method) out->parameters.push_back({"self", token_.at, nullptr});
    expect("(");
    if (!is(")")) {
      do {
        if (accept("...")) {
          out->vararg = true;
          break;
        }
        Parameter parameter{"", token_.at, nullptr};
        parameter.name = nameText();
        out->parameters.push_back(std::move(parameter));
      } while (accept(","));
    }
    expect(")");
    const bool outer = std::exchange(vararg_, out->vararg);
    out->body = block();
    vararg_ = outer;
    close("end", "function", at);
    out->end_line = last_line_;
    return out;
  }

  Lexer lexer_;
  Token token_, next_;
  bool ahead_ = false;
  bool vararg_ = true;  // a chunk is a function that takes "..."
  int level_ = 0;
  int last_line_ = 1;
};

}  // namespace

tl::expected<Chunk, SyntaxError> parse(std::string_view source) {
  try {
    return Parser(source).chunk();
  } catch (SyntaxError& error) {
    return tl::unexpected<SyntaxError>(std::move(error));
  }
}

}  // namespace ccp::policy::lua
