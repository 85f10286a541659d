package example;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import com.amazonaws.services.lambda.runtime.RequestStreamHandler;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The functions that tests/functional/test_runtimes_java.py deploys. */
public class App implements RequestHandler<App.Order, App.Receipt> {
    public enum Size { SMALL, BIG }

    public static class Item {
        private String name;
        private double price;

        public String getName() {
            return name;
        }

        public void setName(String name) {
            this.name = name;
        }

        public double getPrice() {
            return price;
        }

        public void setPrice(double price) {
            this.price = price;
        }
    }

    public static class Order {
        private List<Item> items;
        private Map<String, Integer> counts;
        private Size size;
        public int[] numbers;
        public byte[] blob;

        public List<Item> getItems() {
            return items;
        }

        public void setItems(List<Item> items) {
            this.items = items;
        }

        public Map<String, Integer> getCounts() {
            return counts;
        }

        public void setCounts(Map<String, Integer> counts) {
            this.counts = counts;
        }

        public Size getSize() {
            return size;
        }

        public void setSize(Size size) {
            this.size = size;
        }
    }

    public static class Receipt {
        public double total;
        public Size size;
        public Object nothing;
        public List<Object> seen = new ArrayList<>();

        public boolean isPaid() {
            return true;
        }

        public String getURL() {
            return "a:b";
        }
    }

    @Override
    public Receipt handleRequest(Order order, Context context) {
        context.getLogger().log("logged\nin two lines");
        System.out.println("printed");
        if (order.getItems() == null) {
            throw new IllegalStateException("no items", new RuntimeException("inner"));
        }
        Receipt receipt = new Receipt();
        for (Item each : order.getItems()) {
            receipt.total += each.getPrice();
        }
        receipt.size = order.getSize();
        receipt.seen.add(order.getCounts());
        receipt.seen.add(order.numbers);
        receipt.seen.add(order.blob);
        return receipt;
    }

    public Map<String, Object> context(Object event, Context context) {
        Map<String, Object> found = new TreeMap<>();
        found.put("id", context.getAwsRequestId());
        found.put("arn", context.getInvokedFunctionArn());
        found.put("name", context.getFunctionName().equals(System.getenv("AWS_LAMBDA_FUNCTION_NAME")));
        found.put("memory", context.getMemoryLimitInMB());
        found.put("inTime", context.getRemainingTimeInMillis() > 0 && context.getRemainingTimeInMillis() <= 60000);
        found.put("custom", context.getClientContext().getCustom());
        found.put("app", context.getClientContext().getClient().getAppTitle());
        found.put("identity", String.valueOf(context.getIdentity().getIdentityId()));
        found.put("heapMb", Runtime.getRuntime().maxMemory() >> 20);
        found.put("option", System.getProperty("mine"));
        found.put("version", System.getProperty("java.specification.version"));
        return found;
    }

    public String text(String event) {
        return event.toUpperCase();
    }

    public List<Integer> list(List<Integer> event) {
        event.add(7);
        return event;
    }

    public void hoard(Object event) {
        List<byte[]> hoard = new ArrayList<>();
        while (true) {
            hoard.add(new byte[10 << 20]);
        }
    }

    public static class Echo implements RequestStreamHandler {
        @Override
        public void handleRequest(InputStream input, OutputStream output, Context context) throws IOException {
            for (int each = input.read(); each >= 0; each = input.read()) {
                output.write(each);
            }
        }
    }
}
